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

// mark names what of an item is on paper: a fire of it, or that it is off.
func mark(i *printer.Item, station string) string {
	if i.Void {
		return i.ID + ":off@" + station
	}
	return i.ID + ":" + strconv.Itoa(i.FireSeq) + "@" + station
}

// print puts what was fired, and what was taken off after it was printed, on slips: one
// for each station and course.
func (t *turn) print() {
	var slips []Slip
	for l := range t.s.Lines {
		for i := range t.s.Lines[l].Items {
			item := &t.s.Lines[l].Items[i]
			if item.FireSeq == 0 || item.State != Queued && item.State != Void {
				continue
			}
			for _, id := range item.Stations {
				st, ok := t.today.Station(id)
				if !ok || st.Printer == "" {
					continue
				}
				entry := entry(&t.s.Lines[l], item)
				entry.Void = item.State == Void
				if slices.Contains(t.s.Printed, mark(&entry, id)) || entry.Void && !t.s.onPaper(item, id) {
					continue
				}
				slips = t.slip(slips, st.Printer, id, item.Course, entry)
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
			marks[k], _, _ = strings.Cut(mark(&j.Items[k], ""), "@")
		}
		j.Key = t.s.ticket(j.Station, j.Course) + "/" + strings.Join(marks, ",")
	}
	t.do(&SlipsDue{slips})
}

// onPaper says that a fire of the item was printed.
func (s *State) onPaper(i *Item, station string) bool {
	was := printer.Item{ID: i.ID}
	for was.FireSeq = 1; was.FireSeq <= i.FireSeq; was.FireSeq++ {
		if slices.Contains(s.Printed, mark(&was, station)) {
			return true
		}
	}
	return false
}

func (s *State) ticket(station string, course int) string {
	return s.ID + "." + station + "." + strconv.Itoa(course)
}

// slip adds an entry to the slip of its station and course.
func (t *turn) slip(slips []Slip, to, station string, course int, e printer.Item) []Slip {
	i := slices.IndexFunc(slips, func(x Slip) bool { return x.Job.Station == station && x.Job.Course == course && x.Printer == to })
	if i < 0 {
		i = len(slips)
		slips = append(slips, Slip{t.s.SlipN + int64(i) + 1, to, t.job(station, course)})
	}
	slips[i].Job.Items = append(slips[i].Job.Items, e)
	return slips
}

func (t *turn) job(station string, course int) printer.Job {
	s := t.s
	j := printer.Job{Order: s.ID, No: s.No, Label: s.Label, Type: s.Type, Station: station, Course: course, Rush: s.Rush, Guests: s.Guests, Note: s.Note, At: t.h.At}
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
	st, ok := t.today.Station(c.Station)
	if !ok {
		return nil, refusal.New(refusal.NotFound, "", "There is no such station").With(refusal.Fields{Kind: "station", ID: c.Station})
	}
	to := c.Printer
	if to == "" {
		to = st.Printer
	}
	if _, ok := t.today.Printer(to); !ok {
		return nil, refusal.New(refusal.NotFound, "", "There is no such printer").With(refusal.Fields{Kind: "printer", ID: to})
	}
	var slips []Slip
	for l := range t.s.Lines {
		for i := range t.s.Lines[l].Items {
			item := &t.s.Lines[l].Items[i]
			if item.FireSeq > 0 && item.State != Held && item.Course == c.Course && slices.Contains(item.Stations, c.Station) {
				e := entry(&t.s.Lines[l], item)
				e.Void = item.State == Void
				slips = t.slip(slips, to, c.Station, c.Course, e)
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
