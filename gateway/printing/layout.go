package printing

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/money"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/store"
)

// render makes a job's bytes. Times are the store's.
func render(j *printer.Job, p *store.Printer, today *store.Today) []byte {
	s := newSlip(p)
	if j.Kind == printer.Check && j.Bill != nil {
		s.bill(j, today)
	} else {
		s.ticket(j)
	}
	s.rule()
	s.line(today.Local(j.At).Format("2006-01-02 15:04"))
	if j.From != "" {
		s.line("FOR " + j.From)
	}
	s.b.Write(cut)
	return s.b.Bytes()
}

// titles are the words at the top of what is no station's ticket.
var titles = map[printer.Kind]string{printer.Expo: "EXPO 传菜", printer.Ready: "READY 可上菜"}

// ticket is for people who make or carry food: large numbers, a line for each thing, and
// what is special about it below, in both languages.
func (s *slip) ticket(j *printer.Job) {
	if title := titles[j.Kind]; title != "" {
		s.in(large, normal, func() { s.wide(title, 2) })
	}
	s.in(large, normal, func() { s.wide(fmt.Sprintf("%s  #%d", j.Label, j.No), 2) })
	if j.Copy > 0 {
		s.in(bold, plain, func() { s.line(fmt.Sprintf("*** COPY %d ***", j.Copy)) })
	}
	if j.Rush {
		s.in(bold, plain, func() { s.line("*** RUSH 加急 ***") })
	}
	parts := []string{words(j.Type)}
	if j.Kind == "" {
		parts = []string{j.Station, words(j.Type)}
	}
	if j.Course > 0 {
		parts = append(parts, fmt.Sprint("course ", j.Course))
	}
	s.line(strings.Join(append(parts, party(j)...), " · "))
	if j.Note != "" {
		s.line("> " + j.Note)
	}
	s.rule()
	for i := range j.Items {
		s.item(&j.Items[i])
	}
}

// party is who sits there and who serves them.
func party(j *printer.Job) (parts []string) {
	if j.Guests > 0 {
		parts = append(parts, fmt.Sprint(j.Guests, " guests"))
	}
	if j.Server != "" {
		parts = append(parts, j.Server)
	}
	return parts
}

func words(s string) string { return strings.ReplaceAll(s, "_", " ") }

func (s *slip) item(i *printer.Item) {
	state := ""
	switch {
	case i.Void:
		state = "VOID 退 "
	case i.Added:
		state = "ADDED 加 "
	}
	s.in(tall, normal, func() { s.row(fmt.Sprintf("%s%d × %s", state, i.Qty, name(i.Name)), strings.Join(i.Stations, ",")) })
	for _, m := range i.Mods {
		s.line("   " + name(m))
	}
	for _, a := range i.Allergies {
		s.in(bold, plain, func() { s.line("   !! " + name(a)) })
	}
	if i.Note != "" {
		s.line("   > " + i.Note)
	}
	if i.Seat > 0 {
		s.line(fmt.Sprintf("   seat %d", i.Seat))
	}
}

// name is Chinese first, where there is any.
func name(t menu.Text) string {
	switch {
	case t.ZH == "":
		return t.EN
	case t.EN == "":
		return t.ZH
	}
	return t.ZH + " " + t.EN
}

// bill is for a guest: what was had, what it comes to, and what is still to be paid.
func (s *slip) bill(j *printer.Job, today *store.Today) {
	b := j.Bill
	sum := func(amount int64) string { return money.Format(amount, b.Currency) }
	s.in(center, left, func() {
		s.in(tall, normal, func() { s.line(name(today.Config.Name)) })
		s.line("BILL 账单")
	})
	s.in(large, normal, func() { s.wide(fmt.Sprintf("%s  #%d", j.Label, j.No), 2) })
	if j.Copy > 1 {
		s.line(fmt.Sprintf("print %d 第%d次打印", j.Copy, j.Copy))
	}
	s.line(strings.Join(append([]string{words(j.Type)}, party(j)...), " · "))
	s.rule()
	for i := range b.Lines {
		s.row(billed(&b.Lines[i]), sum(b.Lines[i].Amount))
	}
	s.rule()
	part := (*bill.Part)(nil)
	for i := range b.Parts {
		if b.Parts[i].ID == b.Part {
			part = &b.Parts[i]
		}
	}
	s.sums(b, sum)
	if part != nil {
		s.rule()
		s.row("part 分单 "+part.ID, sum(part.Amount))
		s.in(tall, normal, func() { s.row("Due 应付 "+b.Currency, sum(part.Due)) })
		return
	}
	s.in(tall, normal, func() { s.row("Due 应付 "+b.Currency, sum(b.Due)) })
}

// sums leads from the lines to what the whole bill comes to, and what was paid of it.
func (s *slip) sums(b *printer.Bill, sum func(int64) string) {
	row := func(text string, amount int64) {
		if amount != 0 {
			s.row(text, sum(amount))
		}
	}
	if b.Subtotal != b.Total {
		row("Subtotal 小计", b.Subtotal)
	}
	row("Discount 折扣", -b.Discount)
	row("Service 服务费", b.Service)
	for _, t := range b.Taxes {
		text := "Tax 税 " + percent(t.RateBP)
		if b.TaxIncluded {
			text = "incl. tax 含税 " + percent(t.RateBP)
		}
		row(text, t.Tax)
	}
	s.in(bold, plain, func() { s.row("Total 合计", sum(b.Total)) })
	for _, p := range b.Payments {
		if p.State == "succeeded" {
			row("paid 已付 "+p.Provider, -p.Amount)
			row("  refunded 已退", min(p.Refunded, p.Amount))
		}
	}
}

// billed is a line as a guest reads it; half a dish is 1/2.
func billed(l *printer.Line) string {
	qty := ""
	if l.Qty > 0 {
		qty = strconv.Itoa(l.Qty) + " × "
	}
	if l.Den > 1 {
		qty = fmt.Sprintf("%d/%d  ", l.Num, l.Den) + qty
	}
	return qty + name(l.Name)
}

// percent writes basis points: 650 is 6.5%.
func percent(bp int64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%02d", bp/100, bp%100), "0"), ".") + "%"
}
