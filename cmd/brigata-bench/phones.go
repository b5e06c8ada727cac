package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/cmd/brigata/server"
	"github.com/brigata/brigata/gateway/auth"
)

// FloodPhones is the phones of a flood, and takes its words from flood: "capacity 5s",
// "flood 40000", "stop". A stop closes every connection; the next flood opens them again.
type FloodPhones struct {
	Addr    string `required:""`
	KeyFile string `required:""`
	Phones  int    `required:""`
	Stores  int    `required:""`
}

const (
	// askedAtOnce is how many phones wait for their answers while capacity is measured.
	askedAtOnce = 64
	// senders share the phones between them.
	senders = 4
	// sentAtOnce is how many messages of a flood a phone sends in one go: the node has as
	// much to do, and the phones less.
	sentAtOnce = 4
)

// heard is what phones were answered in a flood.
type heard struct {
	Sent, Done, Unclear, Closed int64
	Refused                     map[string]int64 // by code and what it is for
	Seconds                     float64
}

// flooders are the phones, in the process that they have to themselves.
type flooders struct {
	*FloodPhones
	keys    *auth.Keys
	phones  []*phone
	readers sync.WaitGroup

	done, unclear, closed atomic.Int64
	mu                    sync.Mutex
	refused               map[string]int64
}

// phone is a guest's connection.
type phone struct {
	*socket
	store    string
	id       int64
	answered chan struct{} // of capacity, which waits

	mu           sync.Mutex // of the buffers: its reader answers pings
	text, frames []byte
}

// Run runs it.
func (p *FloodPhones) Run() error {
	keys, err := auth.LoadKeys(p.KeyFile)
	if err != nil {
		return err
	}
	c := &flooders{FloodPhones: p, keys: keys}
	if err := c.connect(); err != nil {
		return err
	}
	tell := json.NewEncoder(os.Stdout)
	if err := tell.Encode(true); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "capacity":
			d, err := time.ParseDuration(rest)
			if err != nil {
				return err
			}
			if err := tell.Encode(c.capacity(d)); err != nil {
				return err
			}
		case "flood":
			rate, err := strconv.ParseFloat(rest, 64)
			if err != nil {
				return err
			}
			stop := c.flood(rate)
			if !lines.Scan() {
				return lines.Err()
			}
			h := stop()
			if err := errors.Join(tell.Encode(h), c.connect()); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// connect logs every phone in.
func (c *flooders) connect() error {
	c.phones = make([]*phone, c.Phones)
	errs := make([]error, senders)
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			for j := i; j < c.Phones && errs[i] == nil; j += senders {
				p := &phone{store: fmt.Sprintf("bench-%d", j%c.Stores), id: 1, answered: make(chan struct{}, sentAtOnce)}
				if p.socket, errs[i] = dialWith(c.Addr, 4<<10); errs[i] != nil {
					return
				}
				errs[i] = p.login(tokenOf(c.keys, newID(), p.store, "guest"), "")
				c.phones[j] = p
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, p := range c.phones {
		c.readers.Go(func() { c.read(p) })
	}
	return nil
}

// send asks for some things at once: each phone orders and looks, in turn.
func (p *phone) send(count int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frames = p.frames[:0]
	for range count {
		p.id++
		p.text = append(strconv.AppendInt(append(p.text[:0], `{"id":`...), p.id, 10), `,"`...)
		if p.id%2 == 0 {
			p.text = append(p.text, `sub":[{"t":"store"},{"t":"menu"}]}`...)
		} else {
			p.text = append(append(append(p.text, `cmd":"order.place","cid":"`...), newID()...), `","d":`+pickup+`}`...)
		}
		p.frames = append(p.frames, p.masked(p.text)...)
	}
	_, err := p.conn.Write(p.frames)
	return err
}

func (c *flooders) read(p *phone) {
	for {
		frame, err := p.frame()
		if err != nil {
			c.closed.Add(1)
			return
		}
		for line := range bytes.SplitSeq(frame, []byte("\n")) {
			switch head := line[:min(len(line), 32)]; {
			case string(line) == "{}":
				p.mu.Lock()
				_ = p.socket.send(line)
				p.mu.Unlock()
				continue
			case bytes.Contains(head, []byte(`,"ok":`)):
				c.done.Add(1)
			case bytes.Contains(head, []byte(`,"err":`)):
				c.refusal(line)
			default:
				continue // a push
			}
			select {
			case p.answered <- struct{}{}:
			default:
			}
		}
	}
}

// refusal counts one by its code and what it is for.
func (c *flooders) refusal(line []byte) {
	if !bytes.Contains(line, []byte(`"retry":true`)) || bytes.Contains(line, []byte(`"after_ms":0`)) {
		c.unclear.Add(1)
	}
	code := value(line, `"code":"`)
	if of := value(line, `"scope":"`) + value(line, `"what":"`); of != "" {
		code += "/" + of
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused[code]++
}

func value(line []byte, key string) string {
	_, rest, _ := bytes.Cut(line, []byte(key))
	is, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(is)
}

func (c *flooders) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done.Store(0)
	c.unclear.Store(0)
	c.closed.Store(0)
	c.refused = map[string]int64{}
}

// capacity returns how many messages a second are answered when each phone waits.
func (c *flooders) capacity(d time.Duration) (perSecond float64) {
	c.reset()
	began := time.Now()
	var all sync.WaitGroup
	for i := range askedAtOnce {
		all.Go(func() {
			for j := i; time.Since(began) < d; j += askedAtOnce {
				p := c.phones[j%len(c.phones)]
				if p.send(sentAtOnce) != nil {
					return
				}
				for range sentAtOnce {
					select {
					case <-p.answered:
					case <-time.After(time.Second):
					}
				}
			}
		})
	}
	all.Wait()
	return float64(c.done.Load()) / time.Since(began).Seconds()
}

// flood sends at a rate, whatever is answered, until stop is called: it closes every
// connection and returns what they heard.
func (c *flooders) flood(rate float64) (stop func() heard) {
	c.reset()
	var sent atomic.Int64
	var over atomic.Bool
	var all sync.WaitGroup
	began := time.Now()
	for i := range senders {
		all.Go(func() {
			for n := 0; !over.Load(); n++ {
				time.Sleep(time.Until(began.Add(time.Duration(float64(n) * senders * sentAtOnce / rate * float64(time.Second)))))
				if p := c.phones[(i+n*senders)%len(c.phones)]; p.send(sentAtOnce) == nil {
					sent.Add(sentAtOnce)
				}
			}
		})
	}
	return func() heard {
		over.Store(true)
		h := heard{Seconds: time.Since(began).Seconds(), Closed: c.closed.Load()}
		for _, p := range c.phones {
			p.conn.Close() // a sender may hang in it
		}
		all.Wait()
		c.readers.Wait()
		h.Sent, h.Done, h.Unclear, h.Refused = sent.Load(), c.done.Load(), c.unclear.Load(), c.refused
		return h
	}
}

// phonesProcess is the phones, in a process of their own that gives way. It is told a
// line at a time, and answers in lines of JSON.
type phonesProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func (r *floodRun) startPhones() (*phonesProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(r.suite.ctx, "nice", "-n", strconv.Itoa(r.Nice), self, "flood-phones", "--addr", r.house.addr,
		"--key-file", filepath.Join(r.house.data, server.KeyFile), "--phones", strconv.Itoa(r.Phones), "--stores", strconv.Itoa(r.Stores))
	cmd.Stderr = os.Stderr
	p := &phonesProcess{cmd: cmd}
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewScanner(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var ready bool
	if err := p.hear(&ready); err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

func (p *phonesProcess) say(line string) error {
	_, err := io.WriteString(p.in, line+"\n")
	return err
}

func (p *phonesProcess) hear(into any) error {
	if !p.out.Scan() {
		return errors.Join(errors.New("the phones have ended"), p.out.Err())
	}
	return json.Unmarshal(p.out.Bytes(), into)
}

func (p *phonesProcess) ask(line string, into any) error {
	if err := p.say(line); err != nil {
		return err
	}
	return p.hear(into)
}

func (p *phonesProcess) end() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}
