// Command redis is the peer of the hot dish: a Redis of its own, with its log forced to
// disk before every answer, and callers who each take one portion at a time by a script.
// The client batches what waits into pipelines by itself. It prints one JSON object.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// take answers a repeat as it was answered before; else it takes a portion, notes who has
// it, and adds the order to a log.
const take = `
local had = redis.call('HGET', KEYS[2], ARGV[1])
if had then return had end
local left = tonumber(redis.call('GET', KEYS[1]))
if left < 1 then redis.call('HSET', KEYS[2], ARGV[1], 'no'); return 'no' end
redis.call('DECR', KEYS[1])
redis.call('HSET', KEYS[2], ARGV[1], 'ok')
redis.call('RPUSH', KEYS[3], ARGV[2])
return 'ok'`

type result struct {
	Orders  int     `json:"orders"`
	Seconds float64 `json:"seconds"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Version string  `json:"version"`
}

func main() {
	callers := flag.Int("callers", 500, "who ask at once")
	measured := flag.Duration("for", 4*time.Second, "time measured, after a second of warming up")
	flag.Parse()
	r, err := run(*callers, *measured)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "redis:", err)
		os.Exit(1)
	}
}

func run(callers int, measured time.Duration) (*result, error) {
	dir, err := os.MkdirTemp("", "brigata-redis")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	server := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--dir", dir, "--appendonly", "yes", "--appendfsync", "always", "--save", "")
	if err := server.Start(); err != nil {
		return nil, err
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	c, err := dial(socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return load(c, callers, measured)
}

func dial(socket string) (c rueidis.Client, err error) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		c, err = rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{socket}, DialCtxFn: unix, DisableCache: true})
		if err == nil {
			return c, nil
		}
	}
	return nil, err
}

func unix(ctx context.Context, path string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
	return d.DialContext(ctx, "unix", path)
}

func load(c rueidis.Client, callers int, measured time.Duration) (*result, error) {
	ctx := context.Background()
	if err := c.Do(ctx, c.B().Set().Key("stock").Value("1000000000").Build()).Error(); err != nil {
		return nil, err
	}
	info, err := c.Do(ctx, c.B().Info().Section("server").Build()).ToString()
	if err != nil {
		return nil, err
	}
	script := rueidis.NewLuaScript(take)
	var stop, measuring atomic.Bool
	var next atomic.Int64
	var all sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	for range callers {
		all.Go(func() {
			var mine []time.Duration
			for !stop.Load() {
				id := strconv.FormatInt(next.Add(1), 10)
				began := time.Now()
				answer, err := script.Exec(ctx, c, []string{"stock", "answers", "log"}, []string{id, `{"type":"pickup","lines":[{"dish":"hot","qty":1}],"order":"` + id + `"}`}).ToString()
				if err == nil && answer != "ok" {
					err = fmt.Errorf("answered %q", answer)
				}
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
				if measuring.Load() {
					mine = append(mine, time.Since(began))
				}
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	time.Sleep(time.Second)
	measuring.Store(true)
	began := time.Now()
	time.Sleep(measured)
	measuring.Store(false)
	seconds := time.Since(began).Seconds()
	stop.Store(true)
	all.Wait()
	if failed != nil || len(took) == 0 {
		return nil, fmt.Errorf("nothing measured: %w", failed)
	}
	slices.Sort(took)
	ms := func(p float64) float64 { return float64(took[int(float64(len(took))*p)].Microseconds()) / 1000 }
	_, version, _ := strings.Cut(info, "redis_version:")
	version, _, _ = strings.Cut(version, "\r\n")
	return &result{len(took), seconds, ms(0.5), ms(0.99), version}, nil
}
