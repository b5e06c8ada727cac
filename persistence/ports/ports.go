// Package ports hands out ports of the loopback to programs that are about to be started.
// It promises that nobody who asks it, in whatever process, has the same, and that no
// connection going out takes one before its program listens. Tests and measurements use it.
package ports

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports come in blocks, below those that systems give to connections going out (from 32768
// on with Linux, higher elsewhere). A block is its process's that listens on its first port,
// until the process ends.
const (
	lowest, highest = 20_000, 32_000
	blockSize       = 50
)

// ErrNone says that no ports in a row are free.
var ErrNone = errors.New("ports: none are free")

// block is what this process has. Its ports are given once: whoever had one may want to
// start again on it.
var block struct {
	mu    sync.Mutex
	guard []net.Listener
	next  int // not given yet
	end   int
}

// Reserve returns the first of n ports in a row that nobody listens on, TCP or UDP.
func Reserve(n int) (int, error) {
	block.mu.Lock()
	defer block.mu.Unlock()
	for n < blockSize {
		for ; block.next+n <= block.end; block.next++ {
			if free(block.next, n) {
				block.next += n
				return block.next - n, nil
			}
		}
		if !another() {
			break
		}
	}
	return 0, ErrNone
}

// Address returns the first of n ports in a row, of 127.0.0.1, as host:port.
func Address(n int) (string, error) {
	port, err := Reserve(n)
	return On(port), err
}

// On is a port of 127.0.0.1 as host:port.
func On(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// another takes a block that no process has.
func another() bool {
	const blocks = (highest - lowest) / blockSize
	begin := rand.IntN(blocks)
	for i := range blocks {
		first := lowest + (begin+i)%blocks*blockSize
		if l, err := net.Listen("tcp", On(first)); err == nil {
			block.guard = append(block.guard, l)
			block.next, block.end = first+1, first+blockSize
			return true
		}
	}
	return false
}

func free(first, n int) bool {
	for p := first; p < first+n; p++ {
		l, err := net.Listen("tcp", On(p))
		if err != nil {
			return false
		}
		l.Close()
		u, err := net.ListenPacket("udp", On(p))
		if err != nil {
			return false
		}
		u.Close()
	}
	return true
}
