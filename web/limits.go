package web

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// How many requests that change something one network may send: so many at
// once, and so many a second after that. Mail providers send their readers'
// one-click requests from few addresses, and all on the day of an edition.
const (
	postBurst, postRate   = 60, 0.5
	clickBurst, clickRate = 5000, 50
)

// maxBuckets bounds the memory of a limiter: some two megabytes.
const maxBuckets = 20_000

// sharedBits is how much of an IPv6 address is one customer's: whoever has one
// has 2^64 of them.
const sharedBits = 64

// A limiter is a token bucket for each network. It may be used by several
// goroutines at once.
type limiter struct {
	burst, rate float64

	mu      sync.Mutex
	buckets map[netip.Prefix]bucket
	swept   time.Time
}

// A bucket is what a network has left, as of at.
type bucket struct {
	left float64
	at   time.Time
}

func newLimiter(burst, rate float64) *limiter {
	return &limiter{burst: burst, rate: rate, buckets: map[netip.Prefix]bucket{}}
}

// take takes one request of ip out of its network's bucket. If there is none
// left, wait is how long until there will be.
func (l *limiter) take(ip netip.Addr, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	network := networkOf(ip)
	b, known := l.buckets[network]
	if !known {
		if len(l.buckets) >= maxBuckets {
			l.sweep(now)
		}
		if len(l.buckets) >= maxBuckets {
			network = netip.Prefix{} // the newcomers share one
			b, known = l.buckets[network]
		}
		if !known {
			b = bucket{l.burst, now}
		}
	}
	b.left, b.at = l.level(b, now), now
	if b.left < 1 {
		return time.Duration((1 - b.left) / l.rate * float64(time.Second)), false
	}
	b.left--
	l.buckets[network] = b
	return 0, true
}

// level returns what is in b at now.
func (l *limiter) level(b bucket, now time.Time) float64 {
	return min(l.burst, b.left+max(0, now.Sub(b.at).Seconds())*l.rate)
}

// sweepEvery keeps a flood of newcomers from having all buckets looked at for
// each of them.
const sweepEvery = time.Second

// sweep forgets the networks whose bucket is full again.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept).Abs() < sweepEvery {
		return
	}
	l.swept = now
	for network, b := range l.buckets {
		if l.level(b, now) >= l.burst {
			delete(l.buckets, network)
		}
	}
}

// networkOf returns what stands for one customer of a provider.
func networkOf(ip netip.Addr) netip.Prefix {
	bits := ip.BitLen()
	if ip.Is6() {
		bits = sharedBits
	}
	network, err := ip.Prefix(bits)
	if err != nil { // the address is not known
		return netip.Prefix{}
	}
	return network
}

// limited has next answer what l lets through.
func (s *Server) limited(l *limiter, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if wait, ok := l.take(s.client(r), s.now()); !ok {
			s.busy(w, http.StatusTooManyRequests, wait)
			return
		}
		next(w, r)
	}
}

// busy says that too much came, and when to try again.
func (s *Server) busy(w http.ResponseWriter, status int, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	s.message(w, status, "trouble.busy")
}

func (s *Server) now() time.Time { return s.Subscribers.Now() }
