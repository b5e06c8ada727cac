package ports

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
)

// many is more than a block holds, so that another is taken.
const many = blockSize + 10

func reserve(t *testing.T) (all []int) {
	t.Helper()
	for range many {
		p, err := Reserve(1)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// Two processes at a time have different ports, all below those of outgoing connections.
func TestProcessesShareNone(t *testing.T) {
	if os.Getenv("PORTS_OF_ANOTHER") != "" {
		for _, p := range reserve(t) {
			fmt.Println(p)
		}
		io.Copy(io.Discard, os.Stdin) // until the other one has its own
		return
	}
	other := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	other.Env = append(os.Environ(), "PORTS_OF_ANOTHER=1")
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	had := map[int]bool{}
	for lines := bufio.NewScanner(out); len(had) < many && lines.Scan(); {
		var p int
		if _, err := fmt.Sscan(lines.Text(), &p); err != nil {
			t.Fatalf("it says %q", lines.Text())
		}
		had[p] = true
	}
	for _, p := range reserve(t) {
		if had[p] || p < lowest || p >= highest {
			t.Errorf("port %d is another's, or out of bounds", p)
		}
		had[p] = true
	}
	if len(had) != 2*many {
		t.Errorf("%d ports of %d", len(had), 2*many)
	}
	in.Close()
	if err := other.Wait(); err != nil {
		t.Error(err)
	}
}

// A row passes over ports that somebody listens on, TCP or UDP.
func TestRow(t *testing.T) {
	const row = 5
	if !another() { // a fresh block
		t.Fatal(ErrNone)
	}
	before := block.next
	tcp, err := net.Listen("tcp", On(before+2))
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", On(before+4))
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	first, err := Reserve(row)
	if err != nil {
		t.Fatal(err)
	}
	if first <= before+4 && first+row > before+2 {
		t.Errorf("%d to %d holds %d or %d", first, first+row-1, before+2, before+4)
	}
	for p := first; p < first+row; p++ {
		l, err := net.Listen("tcp", On(p))
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
}

func TestMoreThanABlock(t *testing.T) {
	if _, err := Reserve(blockSize); !errors.Is(err, ErrNone) {
		t.Errorf("%d in a row: %v", blockSize, err)
	}
}
