//go:build !unix

package sink

import "time"

// processorTime is not known here.
func processorTime() time.Duration { return 0 }
