package subscribers

import "net/netip"

// An Origin says where a reader's request comes from. It is the proof of a
// consent.
type Origin struct {
	IP   netip.Addr // zero: not known
	Form int64      // the version of the words the reader saw, see Form; 0: none
}

// byReader is who stands on record for what a reader does.
const byReader = "reader"

// ip returns the address as it is stored.
func (o Origin) ip() string {
	if !o.IP.IsValid() {
		return ""
	}
	return o.IP.Unmap().WithZone("").String()
}

// sharedBits is how much of an IPv6 address is one customer's: whoever has one
// has 2^64 of them.
const sharedBits = 64

// network returns what stands for one customer of a provider.
func (o Origin) network() string {
	ip := o.IP.Unmap().WithZone("")
	if !ip.Is6() {
		return o.ip()
	}
	return netip.PrefixFrom(ip, sharedBits).Masked().String()
}
