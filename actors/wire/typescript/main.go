// Command typescript writes the browser's types of views, commands and replies from
// the Go types, so that neither side can drift from the other. make gen runs it.
package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/wire"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: typescript FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], generate(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// field is one member of an interface.
type field struct {
	name     string
	ts       string
	optional bool
	of       reflect.Type // nil: ts says all there is
}

// model holds the interfaces by name, in the order in which they were met.
type model struct {
	order  []string
	fields map[string][]field
	enums  map[string][]string
}

// commandTypes returns the types of a command's data; several when its target's kind decides.
func commandTypes(name string) []reflect.Type {
	var all []reflect.Type
	const id = "0192f3a1-7b2c-7d3e-8f40-5a6b7c8d9e0f"
	for _, d := range []string{`{"table":"T01"}`, `{"order":"` + id + `"}`} {
		_, c, _ := wire.DecodeCommand(name, id, []byte(d)) // the target may be missing; the type is known
		if c == nil {
			continue
		}
		if x := reflect.TypeOf(c).Elem(); !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all
}

func build() *model {
	m := &model{fields: map[string][]field{}, enums: map[string][]string{}}
	for _, x := range views {
		m.add(x)
	}
	for _, name := range wire.Commands() {
		for _, x := range commandTypes(name) {
			m.add(x)
		}
		if x, ok := replies[name]; ok {
			m.add(x)
		}
	}
	return m
}

func generate() []byte {
	m := build()
	var b bytes.Buffer
	b.WriteString("// Written by actors/wire/typescript (make gen); do not edit.\n\n/** RFC 3339, UTC, milliseconds. */\nexport type Time = string;\n")
	for _, name := range slices.Sorted(maps.Keys(m.enums)) {
		fmt.Fprintf(&b, "export type %s = %s;\n", name, union(m.enums[name]))
	}
	for _, name := range m.order {
		fmt.Fprintf(&b, "\nexport interface %s {\n", name)
		for _, f := range m.fields[name] {
			mark := ""
			if f.optional {
				mark = "?"
			}
			fmt.Fprintf(&b, "\t%s%s: %s;\n", f.name, mark, f.ts)
		}
		b.WriteString("}\n")
	}
	b.WriteString("\n/** Every command: what it takes and what it answers. */\nexport interface Commands {\n")
	for _, name := range wire.Commands() {
		var takes []string
		for _, x := range commandTypes(name) {
			takes = append(takes, nameOf(x))
		}
		answer := "unknown"
		if x, ok := replies[name]; ok {
			answer = nameOf(x)
		}
		fmt.Fprintf(&b, "\t%q: { d: %s; ok: %s };\n", name, strings.Join(takes, " | "), answer)
	}
	b.WriteString("}\n")
	return b.Bytes()
}

// add puts a type and all that it refers to into the model.
func (m *model) add(x reflect.Type) {
	name := nameOf(x)
	if x.Kind() == reflect.String {
		if values, ok := enums[x]; ok {
			m.enums[name] = values
		}
		return
	}
	if _, ok := m.fields[name]; ok || x.Kind() != reflect.Struct {
		return
	}
	m.order = append(m.order, name)
	m.fields[name] = nil
	fields := slices.Clone(added[name])
	for _, f := range m.members(name, x) {
		if !slices.Contains(hidden[name], f.name) && !slices.ContainsFunc(fields, func(have field) bool { return have.name == f.name }) {
			fields = append(fields, f)
		}
	}
	m.fields[name] = fields
	for _, f := range fields {
		if f.of != nil {
			m.add(f.of)
		}
	}
}

func (m *model) members(owner string, x reflect.Type) (all []field) {
	for i := range x.NumField() {
		f := x.Field(i)
		tag, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case tag == "-" || !f.IsExported():
		case tag == "" && f.Anonymous:
			all = append(all, m.members(owner, f.Type)...)
		case tag == "priced_options" || tag == "priced_parts": // an appender's names are in added
		default:
			out := field{name: tag, optional: strings.Contains(opts, "omitzero") || f.Type.Kind() == reflect.Pointer ||
				slices.Contains(staffOnly[owner], tag)}
			out.ts, out.of = tsOf(f.Type)
			if values, ok := fieldEnums[owner+"."+tag]; ok {
				out.ts, out.of = union(values), nil
			}
			all = append(all, out)
		}
	}
	return all
}

// tsOf returns a Go type in TypeScript, and the type that it names, if any.
func tsOf(x reflect.Type) (string, reflect.Type) {
	switch {
	case x == t[time.Time]() || x == t[command.Instant]():
		return "Time", nil
	case enums[x] != nil:
		return nameOf(x), x
	}
	switch x.Kind() {
	case reflect.Pointer:
		return tsOf(x.Elem())
	case reflect.String:
		return "string", nil
	case reflect.Bool:
		return "boolean", nil
	case reflect.Slice:
		ts, of := tsOf(x.Elem())
		return ts + "[]", of
	case reflect.Array:
		ts, of := tsOf(x.Elem())
		return "[" + strings.TrimSuffix(strings.Repeat(ts+", ", x.Len()), ", ") + "]", of
	case reflect.Map:
		ts, of := tsOf(x.Elem())
		return "Record<string, " + ts + ">", of
	case reflect.Struct:
		return nameOf(x), x
	case reflect.Interface:
		return "unknown", nil
	}
	return "number", nil
}
