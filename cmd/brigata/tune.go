package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// tune trades memory for fewer collections, unless the operator has set them.
func tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if has := memory(os.ReadFile); has > 0 {
		debug.SetMemoryLimit(has / 10 * 7)
	}
}

// memory is how many bytes this process may have: the machine's, or its container's or
// unit's where those are fewer (control groups, version 2 and 1); 0 where nothing says.
func memory(read func(string) ([]byte, error)) (bytes int64) {
	if b, err := read("/proc/meminfo"); err == nil {
		_, _ = fmt.Sscanf(string(b), "MemTotal: %d kB", &bytes)
		bytes *= 1024
	}
	for _, file := range groups(read) {
		b, err := read(file)
		if err != nil {
			continue
		}
		limit, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64) // "max": none
		if err == nil && limit > 0 && (bytes == 0 || limit < bytes) {
			bytes = limit
		}
	}
	return bytes
}

// groups are the files that may limit this process's memory, its groups' parents included.
func groups(read func(string) ([]byte, error)) (files []string) {
	b, err := read("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		root, name := "/sys/fs/cgroup", "/memory.max"
		if controllers == "memory" {
			root, name = "/sys/fs/cgroup/memory", "/memory.limit_in_bytes"
		} else if controllers != "" {
			continue
		}
		for ; path != ""; path = path[:strings.LastIndexByte(path, '/')] {
			files = append(files, root+strings.TrimSuffix(path, "/")+name)
		}
		files = append(files, root+name)
	}
	return files
}
