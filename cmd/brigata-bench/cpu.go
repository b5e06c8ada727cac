package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpuTimes is processor time used by the server's process, by the database's processes
// and by the load itself.
type cpuTimes struct{ server, database, load time.Duration }

func (c cpuTimes) minus(d cpuTimes) cpuTimes {
	return cpuTimes{c.server - d.server, c.database - d.database, c.load - d.load}
}

// tick is the unit of /proc/PID/stat: USER_HZ is 100 on every Linux that Go supports.
const tick = 10 * time.Millisecond

// sampler reads the times of a server, of a postmaster with all its children, and of this process.
func sampler(server, postmaster int) func() cpuTimes {
	return func() cpuTimes {
		c := cpuTimes{server: processCPU(server), load: processCPU(os.Getpid())}
		if postmaster > 0 {
			c.database = treeCPU(postmaster)
		}
		return c
	}
}

// stat returns the fields of /proc/PID/stat after the command's name.
func stat(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	i := strings.LastIndexByte(string(b), ')')
	return strings.Fields(string(b)[i+1:])
}

func processCPU(pid int) time.Duration {
	f := stat(pid)
	if len(f) < 15 {
		return 0
	}
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * tick
}

// treeCPU adds the postmaster, its children, and the children that it has waited for.
func treeCPU(postmaster int) time.Duration {
	sum := processCPU(postmaster)
	if f := stat(postmaster); len(f) >= 15 {
		user, _ := strconv.ParseInt(f[13], 10, 64)
		system, _ := strconv.ParseInt(f[14], 10, 64)
		sum += time.Duration(user+system) * tick
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(d))
		if f := stat(pid); len(f) > 1 && f[1] == strconv.Itoa(postmaster) {
			sum += processCPU(pid)
		}
	}
	return sum
}

// stealing returns what tells the share of this machine's processors that its host has taken
// for others (the kernel's "steal") since then: what is measured meanwhile waits for processors
// that nothing here uses. It is 0 where there is no /proc/stat.
func stealing() (share func() float64) {
	read := func() (stolen, all float64) {
		b, _ := os.ReadFile("/proc/stat")
		first, _, _ := strings.Cut(string(b), "\n")
		for i, f := range strings.Fields(first) {
			n, _ := strconv.ParseFloat(f, 64)
			if i == 8 {
				stolen = n
			}
			if i <= 8 { // guests' times, behind it, are in the user's
				all += n
			}
		}
		return stolen, all
	}
	stolen, all := read()
	return func() float64 {
		s, a := read()
		return (s - stolen) / max(a-all, 1)
	}
}
