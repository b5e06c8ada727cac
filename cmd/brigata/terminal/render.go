package terminal

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// text is a name in the languages of the store; the terminal prefers English.
type text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

func (t text) String() string {
	switch {
	case t.EN == "":
		return t.ZH
	case t.ZH == "":
		return t.EN
	}
	return t.EN + " " + t.ZH
}

type order struct {
	ID       string `json:"id"`
	No       int    `json:"no"`
	Type     string `json:"type"`
	Table    string `json:"table"`
	Code     string `json:"code"`
	State    string `json:"state"`
	Progress string `json:"progress"`
	Payment  string `json:"payment"`
	Currency string `json:"currency"`
	Total    int64  `json:"total"`
	Paid     int64  `json:"paid"`
	PlacedAt string `json:"placed_at"`
	Note     string `json:"note"`
	Reason   string `json:"reason"`
	Lines    []struct {
		Name    text  `json:"name"`
		Qty     int   `json:"qty"`
		VoidQty int   `json:"void_qty"`
		Amount  int64 `json:"amount"`
		Options []struct {
			Name text `json:"name"`
		} `json:"options"`
		Note  string `json:"note"`
		Items []struct {
			ID       string   `json:"id"`
			Name     text     `json:"name"`
			State    string   `json:"state"`
			FireSeq  int      `json:"fire_seq"`
			Stations []string `json:"stations"`
		} `json:"items"`
	} `json:"lines"`
}

func (o order) String() string {
	var b strings.Builder
	where := o.Table
	if where == "" {
		where = o.Code
	}
	fmt.Fprintf(&b, "Order %d  %s %s  %s/%s  %s  %s\n", o.No, words(o.Type), where, words(o.State), words(o.Progress), words(o.Payment), money(o.Total, o.Currency))
	for _, l := range o.Lines {
		fmt.Fprintf(&b, "  %2d × %-36s %12s", l.Qty-l.VoidQty, l.Name, money(l.Amount, o.Currency))
		var extra []string
		for _, p := range l.Options {
			extra = append(extra, p.Name.String())
		}
		if l.Note != "" {
			extra = append(extra, "“"+l.Note+"”")
		}
		if len(extra) > 0 {
			fmt.Fprintf(&b, "  %s", strings.Join(extra, ", "))
		}
		b.WriteByte('\n')
		for _, i := range l.Items {
			fmt.Fprintf(&b, "       %-6s %-8s %s\n", i.ID, words(i.State), strings.Join(i.Stations, "/"))
		}
	}
	fmt.Fprintf(&b, "  %s", o.ID)
	return b.String()
}

type ticket struct {
	Order    string `json:"order"`
	No       int    `json:"no"`
	Station  string `json:"station"`
	Course   int    `json:"course"`
	State    string `json:"state"`
	Type     string `json:"type"`
	Label    string `json:"label"`
	Rush     bool   `json:"rush"`
	Note     string `json:"note"`
	FiredAt  string `json:"fired_at"`
	WarnAt   string `json:"warn_at"`
	LateAt   string `json:"late_at"`
	Hurried  string `json:"hurried_at"`
	Override bool   `json:"override"`
	Items    []struct {
		ID      string `json:"id"`
		Name    text   `json:"name"`
		Qty     int    `json:"qty"`
		VoidQty int    `json:"void_qty"`
		State   string `json:"state"`
		Bumped  bool   `json:"bumped"`
		Note    string `json:"note"`
		Mods    []struct {
			Kind string `json:"kind"`
			Name text   `json:"name"`
		} `json:"mods"`
		Allergies []struct {
			Name text `json:"name"`
		} `json:"allergies"`
	} `json:"items"`
}

func (t ticket) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d  %s  %s  %s", t.No, t.Station, t.Label, words(t.State))
	if t.Course > 0 {
		fmt.Fprintf(&b, "  course %d", t.Course)
	}
	if fired, err := time.Parse(time.RFC3339, t.FiredAt); err == nil {
		fmt.Fprintf(&b, "  fired %s", fired.Local().Format("15:04:05"))
	}
	if late, err := time.Parse(time.RFC3339, t.LateAt); err == nil && time.Now().After(late) && t.State == "open" {
		b.WriteString("  LATE")
	}
	if t.Rush {
		b.WriteString("  RUSH")
	}
	if t.Hurried != "" {
		b.WriteString("  HURRY")
	}
	b.WriteByte('\n')
	for _, i := range t.Items {
		mark := " "
		if i.Bumped {
			mark = "✓"
		}
		fmt.Fprintf(&b, "  %s %2d × %-34s %s", mark, i.Qty-i.VoidQty, i.Name, words(i.State))
		for _, m := range i.Mods {
			sign := map[string]string{"remove": "−", "add": "+"}[m.Kind]
			fmt.Fprintf(&b, "  %s%s", sign, m.Name)
		}
		for _, a := range i.Allergies {
			fmt.Fprintf(&b, "  ALLERGY %s", strings.ToUpper(a.Name.String()))
		}
		if i.Note != "" {
			fmt.Fprintf(&b, "  “%s”", i.Note)
		}
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n")
}

type floorTable struct {
	ID     string         `json:"id"`
	State  string         `json:"state"`
	Phase  string         `json:"phase"`
	Guests int            `json:"guests"`
	Orders int            `json:"orders"`
	Items  map[string]int `json:"items"`
	Late   bool           `json:"late"`
	Due    int64          `json:"due"`
	Curr   string         `json:"currency"`
	Calls  []struct {
		Kind    string `json:"kind"`
		AckedAt string `json:"acked_at"`
	} `json:"calls"`
}

func (t floorTable) String() string {
	s := fmt.Sprintf("%-6s %-14s", t.ID, words(t.State))
	if t.Phase != "" {
		s += " " + words(t.Phase)
	}
	if t.Guests > 0 {
		s += "  " + count(t.Guests, "guest")
	}
	if t.Orders > 0 {
		var parts []string
		for _, k := range []string{"held", "queued", "cooking", "ready", "served"} {
			if t.Items[k] > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", t.Items[k], k))
			}
		}
		s += fmt.Sprintf("  %s (%s)  due %s", count(t.Orders, "order"), strings.Join(parts, ", "), money(t.Due, t.Curr))
	}
	if t.Late {
		s += "  LATE"
	}
	for _, c := range t.Calls {
		if c.AckedAt == "" {
			s += "  CALLS: " + c.Kind
		}
	}
	return s
}

type dispatchEntry struct {
	No       int    `json:"no"`
	Type     string `json:"type"`
	Label    string `json:"label"`
	State    string `json:"state"`
	Delivery string `json:"delivery"`
	Paid     bool   `json:"paid"`
	Shelf    string `json:"shelf"`
	Stations []struct {
		Station string `json:"station"`
		Open    int    `json:"open"`
		Ready   int    `json:"ready"`
	} `json:"stations"`
}

func (d dispatchEntry) String() string {
	s := fmt.Sprintf("#%-5d %-9s %-6s %-8s", d.No, words(d.Type), d.Label, words(d.State))
	for _, st := range d.Stations {
		s += fmt.Sprintf("  %s %d/%d", st.Station, st.Ready, st.Open+st.Ready)
	}
	if d.Delivery != "" {
		s += "  " + words(d.Delivery)
	}
	if d.Shelf != "" {
		s += "  shelf " + d.Shelf
	}
	if !d.Paid {
		s += "  UNPAID"
	}
	return s
}

type stockEntry struct {
	Name    text   `json:"name"`
	Mode    string `json:"mode"`
	Counted int64  `json:"counted"`
	Taken   int64  `json:"taken"`
	Left    *int64 `json:"left"`
	Until   string `json:"until"`
	Reason  string `json:"reason"`
}

func (e stockEntry) String() string {
	s := fmt.Sprintf("%-36s %-9s", e.Name, words(e.Mode))
	if e.Left != nil {
		s += fmt.Sprintf("  %d left (%d taken)", *e.Left, e.Taken)
	}
	if e.Until != "" {
		s += "  until " + clock(e.Until)
	}
	if e.Reason != "" {
		s += "  " + words(e.Reason)
	}
	return s
}

// count writes 1 guest, 2 guests.
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// words turns a wire word into one to read: bill_requested → bill requested.
func words(s string) string { return strings.ReplaceAll(s, "_", " ") }

// noMinor are the currencies without minor units, of those a store may well use.
var noMinor = []string{"JPY", "KRW", "VND", "CLP", "ISK"}

// money writes minor units with their currency: 3800 CNY → ¥38.00.
func money(minor int64, currency string) string {
	sign := map[string]string{"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£"}[currency]
	if sign == "" {
		sign = currency + " "
	}
	if slices.Contains(noMinor, currency) {
		return fmt.Sprintf("%s%d", sign, minor)
	}
	neg := ""
	if minor < 0 {
		neg, minor = "−", -minor
	}
	return fmt.Sprintf("%s%s%d.%02d", neg, sign, minor/100, minor%100)
}

// clock shows an instant as local time of day, or as it came.
func clock(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return words(s)
	}
	return t.Local().Format("15:04:05")
}
