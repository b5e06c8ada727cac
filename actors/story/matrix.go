package story

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/brigata/brigata/actors/refusal"
)

// Matrix holds what becomes of every command in every state to a table: a line with the
// names of the states, then for each command a line with its code in each of them, - where
// it is taken. Neither a refusal nor an answer may change the state that it was decided on.
func Matrix[S, C any](t *testing.T, table string, states map[string]func() S, commands map[string]C, decide func(S, C) error) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(table), "\n")
	heads := strings.Fields(lines[0])
	if len(heads) != len(states) || len(lines)-1 != len(commands) {
		t.Errorf("the table has %d states of %d and %d commands of %d", len(heads), len(states), len(lines)-1, len(commands))
	}
	for _, line := range lines[1:] {
		want := strings.Fields(line)
		c, known := commands[want[0]]
		if !known {
			t.Fatalf("no such command: %s", want[0])
		}
		got := []string{want[0]}
		for _, name := range heads {
			if states[name] == nil {
				t.Fatalf("no such state: %s", name)
			}
			s := states[name]()
			code := "-"
			if err := decide(s, c); err != nil {
				if code = fmt.Sprint(err); refusal.Of(err) != nil {
					code = string(refusal.Of(err).Code)
				}
			}
			if !reflect.DeepEqual(s, states[name]()) {
				t.Errorf("%s of %s has changed the state it was decided on", want[0], name)
			}
			got = append(got, code)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("\n%s\nis\t%s\nnot\t%s", lines[0], strings.Join(got, " "), strings.Join(want, " "))
		}
	}
}
