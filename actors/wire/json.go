package wire

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
)

// TimeFormat is RFC 3339 UTC with milliseconds.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// options writes what no hand-written appender does: rare replies and views.
var options = json.JoinOptions(json.WithMarshalers(json.MarshalToFunc(func(e *jsontext.Encoder, t time.Time) error {
	return e.WriteToken(jsontext.String(t.UTC().Format(TimeFormat)))
})), json.Deterministic(true))

// appendAny marshals a struct of ours; it cannot fail.
func appendAny(b []byte, v any) []byte {
	d, err := json.Marshal(v, options)
	if err != nil {
		panic("wire: " + err.Error())
	}
	return append(b, d...)
}

// AppendString appends s as a JSON string.
func AppendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c == 0x7f {
			b, _ = jsontext.AppendQuote(b, s)
			return b
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// AppendTime appends t as TimeFormat in quotes.
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = append(b, '"')
	b = digits(b, year, 4)
	b = digits(append(b, '-'), int(month), 2)
	b = digits(append(b, '-'), day, 2)
	b = digits(append(b, 'T'), hour, 2)
	b = digits(append(b, ':'), minute, 2)
	b = digits(append(b, ':'), second, 2)
	b = digits(append(b, '.'), t.Nanosecond()/1e6, 3)
	return append(b, 'Z', '"')
}

func digits(b []byte, n, width int) []byte {
	for range width {
		b = append(b, '0')
	}
	for i := len(b) - 1; n > 0 && i >= len(b)-width; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// AppendText appends a Text object.
func AppendText(b []byte, t menu.Text) []byte {
	b = append(b, '{')
	if t.ZH != "" {
		b = AppendString(append(b, `"zh":`...), t.ZH)
	}
	if t.EN != "" {
		if t.ZH != "" {
			b = append(b, ',')
		}
		b = AppendString(append(b, `"en":`...), t.EN)
	}
	return append(b, '}')
}

// object builds a JSON object: keys are given with their quotes and colon.
type object struct {
	b     []byte
	first bool
}

func begin(b []byte) object { return object{append(b, '{'), true} }

func (o *object) key(k string) {
	if !o.first {
		o.b = append(o.b, ',')
	}
	o.first = false
	o.b = append(append(append(o.b, '"'), k...), '"', ':')
}

func (o *object) end() []byte { return append(o.b, '}') }

func (o *object) str(k, s string) {
	o.key(k)
	o.b = AppendString(o.b, s)
}

func (o *object) optStr(k, s string) {
	if s != "" {
		o.str(k, s)
	}
}

func (o *object) int(k string, n int64) {
	o.key(k)
	o.b = strconv.AppendInt(o.b, n, 10)
}

func (o *object) optInt(k string, n int64) {
	if n != 0 {
		o.int(k, n)
	}
}

func (o *object) bool(k string, v bool) {
	o.key(k)
	o.b = strconv.AppendBool(o.b, v)
}

func (o *object) optTime(k string, t time.Time) {
	if !t.IsZero() {
		o.key(k)
		o.b = AppendTime(o.b, t)
	}
}

func (o *object) text(k string, t menu.Text) {
	o.key(k)
	o.b = AppendText(o.b, t)
}

func (o *object) strs(k string, list []string) {
	o.key(k)
	o.b = append(o.b, '[')
	for i, s := range list {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = AppendString(o.b, s)
	}
	o.b = append(o.b, ']')
}

// who is a person; guests are not told the id.
func (o *object) who(k string, w *command.Who, a Audience) {
	if w == nil || *w == (command.Who{}) {
		return
	}
	o.key(k)
	in := begin(o.b)
	if a == Staff {
		in.optStr("id", w.ID)
	}
	in.optStr("name", w.Name)
	in.optStr("role", string(w.Role))
	o.b = in.end()
}

// list appends the elements of an array.
func list[T any](o *object, k string, all []T, one func([]byte, *T) []byte) {
	o.key(k)
	o.b = append(o.b, '[')
	for i := range all {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = one(o.b, &all[i])
	}
	o.b = append(o.b, ']')
}

// AppendRefusal appends the object that stands under err.
func AppendRefusal(b []byte, r *refusal.Refusal) []byte {
	o := begin(b)
	o.str("code", string(r.Code))
	o.str("message", r.Message)
	o.key("fields")
	o.b = appendAny(o.b, &r.Fields)
	o.bool("retry", r.Code.Retry())
	o.int("after_ms", r.AfterMS)
	return o.end()
}
