package order

import (
	"slices"
	"strconv"
	"strings"

	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/refusal"
)

// Slip is a piece of paper that a printer is to have.
type Slip struct {
	N       int64       `json:"n"` // tells an order's slips apart
	Printer string      `json:"printer"`
	Job     printer.Job `json:"job"`
}

// everywhere is in place of a station on slips of all stations; no station has that name.
const everywhere = "all"

// mark names what of an item is on paper: a fire of it, that it is ready, or that it is off.
func mark(i *printer.Item, kind printer.Kind, station string) string {
	what := strconv.Itoa(i.FireSeq)
	switch {
	case i.Void:
		what = "off"
	case kind == printer.Ready:
		what += "ready"
	}
	return i.ID + ":" + what + "@" + station
}

// print puts what was fired, what is ready, and what was taken off after it was printed,
// on slips: one for each station and course, and for each course those of the pass.
func (t *turn) print() {
	var slips []Slip
	for l := range t.s.Lines {
		for i := range t.s.Lines[l].Items {
			item := &t.s.Lines[l].Items[i]
			switch {
			case item.FireSeq == 0:
			case item.State == Queued, item.State == Void:
				for _, id := range item.Stations {
					if st, ok := t.today.Station(id); ok {
						slips = t.fired(slips, st.Printer, id, &t.s.Lines[l], item)
					}
				}
				slips = t.fired(slips, t.today.ExpoPrinter, everywhere, &t.s.Lines[l], item)
			case item.State == Ready && t.today.ReadyPrinter != "" && t.s.complete(item.Course):
				if e := entry(&t.s.Lines[l], item); !slices.Contains(t.s.Printed, mark(&e, printer.Ready, everywhere)) {
					slips = t.slip(slips, t.today.ReadyPrinter, printer.Ready, everywhere, item.Course, e)
				}
			}
		}
	}
	if slips == nil {
		return
	}
	for i := range slips {
		j := &slips[i].Job
		marks := make([]string, len(j.Items))
		for k := range j.Items {
			marks[k], _, _ = strings.Cut(mark(&j.Items[k], j.Kind, ""), "@")
		}
		j.Key = t.s.ticket(j.Station, j.Course) + "/" + strings.Join(marks, ",")
	}
	t.do(&SlipsDue{slips})
}

// fired puts a fire of an item, or that it is off, on the slip of a station's printer.
func (t *turn) fired(slips []Slip, to, station string, l *Line, i *Item) []Slip {
	if to == "" {
		return slips
	}
	kind, e := printer.Kind(""), entry(l, i)
	if e.Void = i.State == Void; station == everywhere {
		kind, e.Stations = printer.Expo, i.Stations
	}
	if slices.Contains(t.s.Printed, mark(&e, kind, station)) || e.Void && !t.s.onPaper(i, station) {
		return slips
	}
	return t.slip(slips, to, kind, station, i.Course, e)
}

// complete says that nothing of a course is on its way to the pass any more. What waits
// for somebody to fire it is not.
func (s *State) complete(course int) bool {
	for l := range s.Lines {
		for i := range s.Lines[l].Items {
			item := &s.Lines[l].Items[i]
			if item.Course == course && (item.State == Queued || item.State == Cooking || item.State == Held && !item.FireAt.IsZero()) {
				return false
			}
		}
	}
	return true
}

// onPaper says that a fire of the item was printed.
func (s *State) onPaper(i *Item, station string) bool {
	was := printer.Item{ID: i.ID}
	for was.FireSeq = 1; was.FireSeq <= i.FireSeq; was.FireSeq++ {
		if slices.Contains(s.Printed, mark(&was, "", station)) {
			return true
		}
	}
	return false
}

func (s *State) ticket(station string, course int) string {
	return s.ID + "." + station + "." + strconv.Itoa(course)
}

// slip adds an entry to the slip of its station and course.
func (t *turn) slip(slips []Slip, to string, kind printer.Kind, station string, course int, e printer.Item) []Slip {
	i := slices.IndexFunc(slips, func(x Slip) bool {
		return x.Job.Kind == kind && x.Job.Station == station && x.Job.Course == course && x.Printer == to
	})
	if i < 0 {
		i = len(slips)
		slips = append(slips, Slip{t.s.SlipN + int64(i) + 1, to, t.job(kind, station, course)})
	}
	slips[i].Job.Items = append(slips[i].Job.Items, e)
	return slips
}

func (t *turn) job(kind printer.Kind, station string, course int) printer.Job {
	s := t.s
	j := printer.Job{Kind: kind, Order: s.ID, No: s.No, Label: s.Label, Type: s.Type, Station: station, Course: course, Rush: s.Rush, Guests: s.Guests, Note: s.Note, At: t.h.At}
	if j.Label == "" {
		j.Label = s.Code
	}
	if s.Server != nil {
		j.Server = s.Server.Name
	}
	return j
}

func entry(l *Line, i *Item) printer.Item {
	e := printer.Item{ID: i.ID, FireSeq: i.FireSeq, Name: i.Name, Qty: i.Qty - i.VoidQty, Note: l.Note, Seat: l.Seat, Added: !i.AddedAt.IsZero()}
	if i.State == Void {
		e.Qty = i.Qty
	}
	options := l.Options
	if i.Part > 0 && i.Part <= len(l.Parts) {
		options = l.Parts[i.Part-1].Options
	}
	for k := range options {
		n := options[k].Name
		if q := options[k].Qty; q > 1 {
			n = menu.Text{ZH: prefix(n.ZH, q), EN: prefix(n.EN, q)}
		}
		e.Mods = append(e.Mods, n)
	}
	for _, a := range l.Allergens {
		e.Allergies = append(e.Allergies, a.Name)
	}
	return e
}

func prefix(name string, qty int) string {
	if name == "" {
		return ""
	}
	return strconv.Itoa(qty) + "× " + name
}

// reprint prints a whole ticket once more, with a number of its own.
func (t *turn) reprint(c *Reprint) (Reply, error) {
	kind, own := printer.Expo, t.today.ExpoPrinter
	if c.Station != everywhere {
		st, ok := t.today.Station(c.Station)
		if !ok {
			return nil, refusal.New(refusal.NotFound, "", "There is no such station").With(refusal.Fields{Kind: "station", ID: c.Station})
		}
		kind, own = "", st.Printer
	}
	to, err := t.today.PrintsOn(c.Printer, own)
	if err != nil {
		return nil, err
	}
	var slips []Slip
	for l := range t.s.Lines {
		for i := range t.s.Lines[l].Items {
			item := &t.s.Lines[l].Items[i]
			if item.FireSeq > 0 && item.State != Held && item.Course == c.Course && (c.Station == everywhere || slices.Contains(item.Stations, c.Station)) {
				e := entry(&t.s.Lines[l], item)
				if e.Void = item.State == Void; kind == printer.Expo {
					e.Stations = item.Stations
				}
				slips = t.slip(slips, to, kind, c.Station, c.Course, e)
			}
		}
	}
	if slips == nil {
		return nil, refusal.New(refusal.NotFound, "", "There is no such ticket").With(refusal.Fields{Kind: "ticket", ID: t.s.ticket(c.Station, c.Course)})
	}
	j := &slips[0].Job
	j.Copy = max(t.s.Copies, 1) + 1 // the first paper is copy 1
	j.Key = t.s.ticket(c.Station, c.Course) + "/copy" + strconv.Itoa(j.Copy)
	t.do(&SlipsDue{slips})
	return &ReprintReply{to, j.Key, j.Copy}, nil
}

// printBill puts the bill of an order without a table on paper.
func (t *turn) printBill(c *PrintBill) (Reply, error) {
	if t.s.Table != "" {
		return nil, errPayTable
	}
	if err := t.in(Placed, Accepted, Closed); err != nil {
		return nil, err
	}
	to, err := t.today.PrintsOn(c.Printer, t.today.BillPrinter)
	if err != nil {
		return nil, err
	}
	b, err := printer.BillOf(t.s.Bill(), c.Part, t.s.billLines())
	if err != nil {
		return nil, err
	}
	b.Name(t.s.named().Lines)
	j := t.job(printer.Check, "", 0)
	j.Bill, j.Copy = b, t.s.Bills+1
	j.Key = t.s.ID + "/bill" + strconv.Itoa(j.Copy)
	t.do(&SlipsDue{[]Slip{{t.s.SlipN + 1, to, j}}})
	return &ReprintReply{to, j.Key, j.Copy}, nil
}

// named tells a table what the lines of its bill are called.
func (s *State) named() *Named {
	n := &Named{Lines: make([]printer.Line, len(s.Lines))}
	for i := range s.Lines {
		l := &s.Lines[i]
		n.Lines[i] = printer.Line{Order: s.ID, ID: l.ID, Name: l.Name, Qty: l.Qty - l.VoidQty, Amount: l.Amount}
	}
	return n
}
