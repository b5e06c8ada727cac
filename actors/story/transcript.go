package story

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
)

var update = flag.Bool("update", false, "write what the rules say now into the transcripts")

// Transcripts runs every testdata/*.txt of the package under test. A transcript is
// lines of what somebody does, each followed, indented, by what comes of it:
//
//	# for people
//	boss order.place {"type":"dine_in","table":"T1","lines":[{"dish":"tofu","qty":1}]} as a
//	  a Sent; T1 Opened OrderJoined; a TableTook; s NumberTaken; a WasPlaced WasAccepted Moved; T1 OrderChanged Reckoned
//	  a: accepted accepted unpaid 1000 | 1 tofu×1 queued#1
//
// Somebody is a role, or name@session for a guest. `as a` names what the command
// creates; $a is its id from there on, and `session T1 as s` names a session. `again`
// repeats the last command, `+15m` lets time pass, `hold order` keeps what orders owe
// from leaving until `let go`, `step 2` lets two of them leave, `show a` tells how something stands. With -update the
// outcome is written instead of compared.
func Transcripts(t *testing.T) {
	t.Helper()
	TranscriptsOf(t, Store, "*")
}

// Paper is Store with a printer at the wok and the steamer, and a backup.
func Paper() []byte {
	return []byte(strings.NewReplacer(`"printers":[]`, `"printers":[{"id":"p1","address":"127.0.0.1:1","paper_mm":80,"encoding":"gb18030","backup":"p2"},{"id":"p2","address":"127.0.0.1:2","paper_mm":80,"encoding":"utf8"}]`,
		`{"id":"wok",`, `{"id":"wok","printer":"p1",`, `{"id":"steam",`, `{"id":"steam","printer":"p2",`).Replace(string(Store)))
}

// Pass is Paper with a third printer, for what is carried out and for bills.
func Pass() []byte {
	return []byte(strings.Replace(string(Paper()), `"printers":[`, `"printers":[{"id":"p3","address":"127.0.0.1:3","paper_mm":58,"encoding":"gb18030","prints":["expo","ready","bill"]},`, 1))
}

// TranscriptsOf runs those of a name, such as "*", in the store of a document.
func TranscriptsOf(t *testing.T, document []byte, name string) {
	files, err := filepath.Glob("testdata/" + name + ".txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, document, string(b))
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := string(b); got != want {
				t.Errorf("%s", difference(want, got))
			}
		})
	}
}

// difference shows the first line that differs, with the ones before it.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		if i >= len(w) || i >= len(g) || w[i] != g[i] {
			return fmt.Sprintf("line %d, after\n%s\nwant\n%s\ngot\n%s", i+1, strings.Join(g[max(0, i-4):min(i, len(g))], "\n"),
				strings.Join(w[min(i, len(w)):min(i+4, len(w))], "\n"), strings.Join(g[min(i, len(g)):min(i+4, len(g))], "\n"))
		}
	}
	return "no difference"
}

// player is one telling of a transcript.
type player struct {
	t     *testing.T
	cell  *Cell
	out   strings.Builder
	names map[string]string // by id
	ids   map[string]string // by name
	held  map[string]bool   // kinds that keep what they owe
	again func()
	asked []command.ID // answered later
	line  string
	turns []string // what happened and is not told yet
}

func play(t *testing.T, document []byte, script string) string {
	p := &player{t: t, names: map[string]string{}, ids: map[string]string{}, held: map[string]bool{}}
	p.cell = New(t, document)
	p.cell.Held = func(of command.Target) bool { return p.held[of.Kind] }
	p.cell.Happened = p.happened
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "  ") {
			continue
		}
		fmt.Fprintln(&p.out, line)
		if p.line = line; line != "" && line[0] != '#' {
			p.does(line)
		}
	}
	return p.out.String()
}

func (p *player) fail(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%q: %s", p.line, fmt.Sprintf(format, args...))
}

func (p *player) says(format string, args ...any) {
	fmt.Fprintf(&p.out, "  %s\n", p.named(fmt.Sprintf(format, args...)))
}

var aName = regexp.MustCompile(`\$\w+`)

var anID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}`)

func (p *player) named(s string) string {
	return anID.ReplaceAllStringFunc(s, func(id string) string {
		if name, ok := p.names[id]; ok {
			return name
		}
		return "(" + id[len(id)-2:] + ")"
	})
}

func (p *player) name(name, id string) {
	if p.ids[name] = id; p.names[id] == "" {
		p.names[id] = name
	}
}

func (p *player) does(line string) {
	words := strings.Fields(line)
	switch first := words[0]; {
	case first[0] == '+':
		d, err := time.ParseDuration(first[1:])
		if err != nil {
			p.fail("%v", err)
		}
		p.cell.Wait(d)
		p.tells()
	case first == "again":
		p.again()
	case first == "hold":
		p.held[words[1]] = true
	case first == "let":
		clear(p.held)
		p.cell.Drain()
		p.tells()
		p.settled()
	case first == "step": // step 2
		n, err := strconv.Atoi(words[1])
		if err != nil {
			p.fail("%v", err)
		}
		p.step(n)
	case first == "session": // session T1 as s
		p.name(words[3], p.cell.Entity("table", words[1]).(*table.State).Session.ID)
	case first == "show":
		p.show(words[1])
	default:
		p.command(line)
	}
}

// step delivers n of the duties that are held.
func (p *player) step(n int) {
	held := p.held
	p.held = nil
	p.cell.Choose = func(int) int {
		n--
		return min(n, 0)
	}
	p.cell.Drain()
	p.held, p.cell.Choose = held, nil
	p.tells()
}

// Roles by the names of who has them.
var people = map[string]command.Role{"boss": command.Manager, "lin": command.Waiter, "till": command.Cashier, "cook": command.Kitchen, "di": command.Dispatcher, "provider": "provider"}

func (p *player) header(who string) command.Header {
	h := command.Header{Channel: "pos", By: command.Who{ID: who, Name: who, Role: people[who]}}
	if h.By.Role != "" {
		return h
	}
	name, session, _ := strings.Cut(who, "@")
	guest, ok := p.ids[name]
	if !ok {
		guest = string(p.cell.ID())
		p.name(name, guest)
	}
	h.By = command.Who{Name: name, Role: command.Guest}
	h.Guest, h.Session, h.Channel = guest, p.cell.Session(p.ids[session]), "qr"
	return h
}

// command reads "who name {json} as x" and does it.
func (p *player) command(line string) {
	who, rest, _ := strings.Cut(line, " ")
	name, data, _ := strings.Cut(rest, " ")
	as := ""
	if i := strings.LastIndex(data, "} as "); i >= 0 {
		data, as = data[:i+1], data[i+5:]
	}
	data = aName.ReplaceAllStringFunc(data, func(name string) string {
		if id, ok := p.ids[name[1:]]; ok {
			return id
		}
		return "0192f3a1-7b2c-7d3e-8f40-ffffffffffff"
	})
	h := p.header(who)
	if h.ID = p.cell.ID(); as != "" {
		p.name(as, string(h.ID))
	}
	p.again = func() { p.send(h, name, data) }
	p.again()
}

func (p *player) send(h command.Header, name, data string) {
	to, c, err := wire.DecodeCommand(name, h.ID, []byte(data))
	if err != nil {
		p.refused(err)
		return
	}
	*c.Head() = h
	reply, err := p.cell.Do(to, c)
	p.tells()
	defer p.settled()
	if _, later := reply.(command.Later); later {
		p.asked = append(p.asked, h.ID)
		p.says("later")
		return
	}
	p.answered(to, reply, err)
}

func (p *player) answered(of command.Target, reply any, err error) {
	if err != nil {
		p.refused(err)
		return
	}
	switch reply.(type) {
	case *order.PlaceReply, *order.ItemsReply, *payment.View: // says no more than the state does
		p.state(of)
	case nil, command.Settled: // the answer goes to whoever waits for it
	default:
		p.says("= %s", wire.AppendReply(nil, reply))
	}
}

// settled tells the answers that had to wait.
func (p *player) settled() {
	p.asked = slices.DeleteFunc(p.asked, func(id command.ID) bool {
		reply, err := p.cell.Answer(id)
		if _, later := reply.(command.Later); later {
			return false
		}
		if err != nil {
			p.refused(err)
		} else {
			p.says("= %s", wire.AppendReply(nil, reply))
		}
		return true
	})
}

func (p *player) refused(err error) {
	r := refusal.Of(err)
	if r == nil {
		p.fail("%v", err)
	}
	f := r.Fields
	if len(f.Errors) == 1 {
		f.Errors = nil // it is repeated at the top
	}
	fields, err := json.Marshal(f)
	if err != nil {
		p.fail("%v", err)
	}
	p.says("! %s %s", r.Code, fields)
}

// bookkeeping says only that a message has arrived.
var bookkeeping = []string{"TableKnows", "OrderHeard", "StoreTold", "StockGave", "PaymentRehomed"}

func (p *player) happened(of command.Target, events []any) {
	var names []string
	for _, e := range events {
		if name := reflect.TypeOf(e).Elem().Name(); !slices.Contains(bookkeeping, name) {
			names = append(names, name)
		}
	}
	if names != nil {
		p.turns = append(p.turns, of.ID+" "+strings.Join(names, " "))
	}
}

// tells writes what happened since it did last.
func (p *player) tells() {
	if p.turns != nil {
		p.says("%s", strings.Join(p.turns, "; "))
	}
	p.turns = nil
}

func (p *player) show(name string) {
	id, ok := p.ids[name]
	if !ok {
		id = name
	}
	for _, t := range p.cell.Targets() {
		if t.ID == id {
			p.state(t)
			return
		}
	}
	p.fail("nothing is called %s", name)
}

// state tells in a line how an entity stands.
func (p *player) state(of command.Target) {
	switch s := p.cell.Entity(of.Kind, of.ID).(type) {
	case *order.State:
		p.says("%s: %s", of.ID, anOrder(s))
	case *table.State:
		p.says("%s: %s", of.ID, aTable(s, p.cell))
	case *payment.State:
		v := payment.ViewOf(*s)
		work := ""
		if v.Work != nil {
			work = strings.TrimRight(fmt.Sprintf(", to %s %s", v.Work.Do, v.Work.Refund), " ")
		}
		p.says("%s: %s %s %d+%d of %s%s, refunded %d%s", of.ID, v.State, v.Provider, v.Amount, v.Tip, v.Table, v.Order, v.Refunded, work)
	case *printer.State:
		v := printer.ViewOf(*s)
		p.says("%s: %s, %d queued %s%s", of.ID, v.State, v.Queued, v.Error, slips(v))
	case *stock.State:
		v := stock.ViewOf(*s)
		p.says("%s: %s, %d left, %d taken", of.ID, v.Mode, v.Left, v.Taken)
	}
}

func anOrder(s *order.State) string {
	var b strings.Builder
	v := order.ViewOf(*s)
	fmt.Fprintf(&b, "%s %s %s %d", v.State, v.Progress, v.Payment, v.Total)
	if v.Delivery != "" {
		fmt.Fprintf(&b, " %s", v.Delivery)
	}
	if v.Rush {
		b.WriteString(" rush")
	}
	for _, l := range v.Lines {
		for _, i := range l.Items {
			fmt.Fprintf(&b, " | %s %s×%d %s#%d", i.ID, i.Dish, i.Qty-i.VoidQty, i.State, i.FireSeq)
			if i.Flag != "" {
				fmt.Fprintf(&b, " %s", i.Flag)
			}
		}
	}
	return b.String()
}

func aTable(s *table.State, c *Cell) string {
	v := table.ViewOf(*s)
	bill := s.Bill(c.Today())
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, %d guests, cart %d, total %d, paid %d, refunded %d, pending %d, due %d, tip %d", v.State, v.Phase, v.Guests,
		v.Cart.Subtotal, bill.Total, bill.Paid, bill.Refunded, bill.Pending, bill.Due, bill.Tip)
	for _, part := range bill.Parts {
		fmt.Fprintf(&b, " | %s %d", part.ID, part.Amount)
	}
	return b.String()
}

func slips(v *printer.View) (out string) {
	if v.Job != nil {
		out = fmt.Sprintf(" | next %s %s", v.Job.Key, v.Job.State)
		if b := v.Job.Bill; b != nil {
			out += fmt.Sprintf(" %s copy %d, total %d, due %d", b.Part, v.Job.Copy, b.Total, b.Due)
			for _, l := range b.Lines {
				out += fmt.Sprintf(" | %d×%s %d/%d %d", l.Qty, l.Name.EN, l.Num, l.Den, l.Amount)
			}
		}
		for _, i := range v.Job.Items {
			out += fmt.Sprintf(" %d×%s", i.Qty, i.Name.EN)
			if i.Void {
				out += " VOID"
			}
		}
	}
	for _, u := range v.Unsure {
		out += " | unsure " + u.Job
	}
	return out
}
