package doctor

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	freeMin = 2 << 30 // bytes
	filesOK = 65536
	// syncSlow is from when on a flush makes a lone order feel slow.
	syncSlow = 10 * time.Millisecond
	syncs    = 20
)

// folder checks that the data folder can be written, has room, and how long a flush
// takes on its disk.
func folder(o Options, tell func(Finding)) {
	f := Finding{Check: "data folder"}
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		tell(Finding{f.Check, Bad, err.Error(), "choose a folder that this user may write with --data"})
		return
	}
	if s, err := os.Stat(o.Data); err == nil && s.Mode().Perm()&0o077 != 0 {
		tell(Finding{"data folder's mode", Warn, fmt.Sprintf("%v: others may look into it", s.Mode().Perm()), "chmod 700 " + o.Data})
	}
	took, err := flush(o.Data)
	if err != nil {
		tell(Finding{f.Check, Bad, err.Error(), "choose a folder that this user may write with --data"})
		return
	}
	tell(Finding{f.Check, OK, o.Data, ""})
	if o.DatabaseURL == "" {
		tell(flushed("flush of the disk", took, "put the data folder on a disk with a faster flush"))
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(o.Data, &fs); err == nil {
		tell(room(int64(fs.Bavail) * int64(fs.Bsize)))
	}
}

func room(free int64) Finding {
	f := Finding{"room on the disk", OK, fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30)), ""}
	if free < freeMin {
		f.State, f.Mend = Warn, "make room, or move the data folder"
	}
	return f
}

func flushed(check string, took time.Duration, mend string) Finding {
	f := Finding{check, OK, fmt.Sprintf("%.2f ms at the median", float64(took.Microseconds())/1000), ""}
	switch {
	case took > syncSlow:
		f.State, f.Mend = Warn, mend
	case took < 20*time.Microsecond:
		f.State = Warn
		f.Found += ": too fast for a disk that keeps what it flushes"
		f.Mend = "make sure that the disk's cache survives a power cut"
	}
	return f
}

// flush is the median time of a small write with its fsync.
func flush(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4096)
	times := make([]time.Duration, 0, syncs)
	for range syncs {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

func limits(tell func(Finding)) {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return
	}
	tell(openFiles(r.Max)) // Go raises the soft limit itself
}

func openFiles(most uint64) Finding {
	f := Finding{"open files", OK, fmt.Sprintf("%d allowed", most), ""}
	if most < filesOK {
		f.State, f.Mend = Warn, fmt.Sprintf("each socket is one: raise the limit to %d (ulimit -n, LimitNOFILE=)", filesOK)
	}
	return f
}

// port checks that the address is free, or that it is a node that has it.
func port(address string, tell func(Finding)) {
	l, err := net.Listen("tcp", address)
	if err == nil {
		l.Close()
		tell(Finding{"listening address", OK, address + " is free", ""})
		return
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		tell(Finding{"listening address", Bad, err.Error(), "choose an address of this machine with --listen"})
		return
	}
	client := http.Client{Timeout: 2 * time.Second}
	r, err := client.Get("http://" + address + "/healthz")
	if err == nil {
		r.Body.Close()
	}
	if err == nil && r.StatusCode == http.StatusOK {
		tell(Finding{"listening address", Warn, "a server answers on " + address + " already", "stop it first, or choose another address with --listen"})
		return
	}
	tell(Finding{"listening address", Bad, "another program has " + address, "choose another address with --listen"})
}

// ports checks the addresses for other nodes, which are three in a row, and for boxes.
func ports(o Options, tell func(Finding)) {
	for i, name := range []string{"gossip's address", "requests' address", "bus's address"} {
		if o.Gossip != "" {
			tell(bind(name, o.Gossip, i, "--gossip"))
		}
	}
	if o.EdgeListen != "" {
		tell(bind("boxes' address", o.EdgeListen, 0, "--edge-listen"))
	}
}

// bind tries an address whose port is so many after the one that is given.
func bind(check, address string, after int, flag string) Finding {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return Finding{check, Bad, err.Error(), "give " + flag + " as host:port"}
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n+uint64(after) > 65535 {
		return Finding{check, Bad, text + " is no port that can be followed by two others", "give " + flag + " a port of 1 to 65533"}
	}
	if n != 0 {
		address = net.JoinHostPort(host, strconv.FormatUint(n+uint64(after), 10))
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return Finding{check, Bad, err.Error(), "stop what has it, or choose another address with " + flag}
	}
	l.Close()
	return Finding{check, OK, address + " is free", ""}
}

// clock says whether the machine's clock is kept in step, where the system tells.
func clock(tell func(Finding)) {
	if _, err := os.Stat("/run/systemd/timesync/synchronized"); err == nil {
		tell(Finding{"clock", OK, "in step (systemd-timesyncd)", ""})
		return
	}
	tell(kept(inStep()))
}

func kept(in bool, err error) Finding {
	const mend = "run chrony, ntpd or systemd-timesyncd"
	switch {
	case err != nil:
		return Finding{"clock", Warn, "cannot tell whether it is in step: " + err.Error(), mend}
	case !in:
		return Finding{"clock", Warn, "the kernel says that nobody keeps it in step", mend}
	}
	return Finding{"clock", OK, "in step", ""}
}

// readable is a file's content for a check, or a finding that says why not.
func readable(check, file string) ([]byte, *Finding) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, &Finding{check, Bad, strings.TrimPrefix(err.Error(), "open "), "name a file that this user may read (" + filepath.Base(file) + ")"}
	}
	return b, nil
}
