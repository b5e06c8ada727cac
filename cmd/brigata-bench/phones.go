package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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
	// sentEach is how often it is seen which phones are due.
	sentEach = time.Millisecond
	// phoneBuffer is what a phone's kernel takes before it is sent, in bytes; Linux takes twice that.
	phoneBuffer = 16 << 10
)

// heard is what phones asked in a flood, what of it their kernels took, and what they were
// answered.
type heard struct {
	Asked, Sent, Done, Unclear, Closed int64
	Refused                            map[string]int64 // by code and what it is for
	Seconds                            float64
}

// flooders are the phones, in the process that they have to themselves.
type flooders struct {
	*FloodPhones
	keys    *auth.Keys
	phones  []*phone
	readers sync.WaitGroup

	asked, sent, done, unclear, closed atomic.Int64
	mu                                 sync.Mutex
	refused                            map[string]int64
}

// phone is a guest's connection.
type phone struct {
	*socket
	store    string
	answered chan struct{} // of capacity, which waits

	mu     sync.Mutex // its reader answers pings
	id     int64
	frames []byte // some messages, but for their ids
	ids    []int  // where these are, each of the width of firstID
	orders []int  // where the orders' cids end
	left   []byte // what the kernel has not taken yet of what was sent
}

// firstID is of the first message of a flood. All ids of one phone have its width.
const firstID = 1_000_000_000

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
				p := &phone{store: fmt.Sprintf("bench-%d", j%c.Stores), id: firstID, answered: make(chan struct{}, sentAtOnce)}
				if p.socket, errs[i] = dialWith(c.Addr, 4<<10); errs[i] != nil {
					return
				}
				_ = p.conn.(*net.TCPConn).SetWriteBuffer(phoneBuffer)
				p.write()
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

// write writes the frames that are sent again and again: orders, and looks at the menu, in
// turn. Their mask is 0, so that ids are written over where they are.
func (p *phone) write() {
	for i := range sentAtOnce {
		text := fmt.Sprintf(`{"id":%d,"sub":[{"t":"store"},{"t":"menu"}]}`, firstID)
		if i%2 == 1 {
			text = fmt.Sprintf(`{"id":%d,"cmd":"order.place","cid":%q,"d":%s}`, firstID, newID(), pickup)
		}
		p.frames = append(p.frames, 0x81)
		if len(text) < 126 {
			p.frames = append(p.frames, 0x80|byte(len(text)))
		} else {
			p.frames = append(p.frames, 0x80|126, byte(len(text)>>8), byte(len(text)))
		}
		p.frames = append(p.frames, 0, 0, 0, 0)
		p.ids = append(p.ids, len(p.frames)+len(`{"id":`))
		if i%2 == 1 {
			p.orders = append(p.orders, len(p.frames)+strings.Index(text, `","d":`))
		}
		p.frames = append(p.frames, text...)
	}
}

// next returns the frames with ids of their own.
func (p *phone) next() []byte {
	for _, at := range p.ids {
		p.id++
		strconv.AppendInt(p.frames[:at], p.id, 10)
	}
	for i, at := range p.orders {
		const digits = 12 // the last group of a cid
		n := p.id - int64(i)
		for j := 1; j <= digits; j, n = j+1, n/10 {
			p.frames[at-j] = byte('0' + n%10)
		}
	}
	return p.frames
}

// send asks for some things at once, and waits until they are sent.
func (p *phone) send() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.conn.Write(p.next())
	return err
}

// offer asks for some things at once, unless the kernel is still full of what was asked
// before: a node that does not read more is sent no more.
func (p *phone) offer() (sent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flush(); len(p.left) > 0 {
		return false
	}
	p.left = p.next()
	whole := len(p.left)
	p.flush()
	if len(p.left) == whole {
		p.left = nil
		return false
	}
	p.left = slices.Clone(p.left)
	return true
}

// flush sends what the kernel takes of what is left.
func (p *phone) flush() {
	if len(p.left) == 0 {
		return
	}
	_ = p.raw.Write(func(fd uintptr) bool {
		n, err := syscall.Write(int(fd), p.left)
		if err == nil {
			p.left = p.left[n:]
		}
		return true
	})
}

// pong answers a ping.
func (p *phone) pong() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = append(p.left, p.masked([]byte("{}"))...)
	p.flush()
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
				p.pong()
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
	for _, n := range []*atomic.Int64{&c.asked, &c.sent, &c.done, &c.unclear, &c.closed} {
		n.Store(0)
	}
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
				if p.send() != nil {
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

// flood asks at a rate, whatever is answered, until stop is called: it closes every
// connection and returns what they heard.
func (c *flooders) flood(rate float64) (stop func() heard) {
	c.reset()
	var over atomic.Bool
	var all sync.WaitGroup
	began := time.Now()
	for i := range senders {
		all.Go(func() {
			for n := 0; !over.Load(); time.Sleep(sentEach) {
				for due := int(time.Since(began).Seconds() * rate / senders / sentAtOnce); n < due; n++ {
					c.asked.Add(sentAtOnce)
					if c.phones[(i+n*senders)%len(c.phones)].offer() {
						c.sent.Add(sentAtOnce)
					}
				}
			}
		})
	}
	return func() heard {
		over.Store(true)
		all.Wait()
		h := heard{Seconds: time.Since(began).Seconds(), Closed: c.closed.Load()}
		for _, p := range c.phones {
			p.conn.Close()
		}
		c.readers.Wait()
		h.Asked, h.Sent, h.Done, h.Unclear, h.Refused = c.asked.Load(), c.sent.Load(), c.done.Load(), c.unclear.Load(), c.refused
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

func (r *floodRun) startPhones(yielding bool) (*phonesProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var command []string
	if _, err := exec.LookPath("chrt"); yielding && err == nil {
		command = []string{"chrt", "--idle", "0"}
	} else if yielding {
		command = []string{"nice", "-n", "19"}
	}
	command = append(command, self, "flood-phones", "--addr", r.house.addr,
		"--key-file", filepath.Join(r.house.data, server.KeyFile), "--phones", strconv.Itoa(r.Phones), "--stores", strconv.Itoa(r.Stores))
	cmd := exec.CommandContext(r.suite.ctx, command[0], command[1:]...)
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
