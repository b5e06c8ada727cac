package main

import (
	"io/fs"
	"testing"
)

// TestMemory: the least of what limits the process counts.
func TestMemory(t *testing.T) {
	const meminfo = "MemTotal:       24576000 kB\nMemFree: 1 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nothing says": {nil, 0},
		"a machine":    {map[string]string{"/proc/meminfo": meminfo}, 24576000 << 10},
		"a container": {map[string]string{"/proc/meminfo": meminfo, "/proc/self/cgroup": "0::/\n",
			"/sys/fs/cgroup/memory.max": "536870912\n"}, 512 << 20},
		"a unit within a limited slice": {map[string]string{"/proc/meminfo": meminfo, "/proc/self/cgroup": "0::/shop.slice/brigata.service\n",
			"/sys/fs/cgroup/shop.slice/brigata.service/memory.max": "max\n", "/sys/fs/cgroup/shop.slice/memory.max": "1073741824\n"}, 1 << 30},
		"version 1": {map[string]string{"/proc/meminfo": meminfo, "/proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/x\n",
			"/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "268435456\n"}, 256 << 20},
		"more than there is": {map[string]string{"/proc/meminfo": meminfo, "/proc/self/cgroup": "4:memory:/\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 24576000 << 10},
	} {
		got := memory(func(file string) ([]byte, error) {
			if text, ok := c.files[file]; ok {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		})
		if got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
