package idmap_test

import (
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/brigata/brigata/actors/idmap"
)

func contents(m idmap.Map[int]) map[string]int { return maps.Collect(m.All()) }

func TestAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m idmap.Map[int]
		want := map[string]int{}
		var olds []idmap.Map[int]
		var copies []map[string]int
		for i := range rapid.IntRange(1, 200).Draw(t, "steps") {
			id := fmt.Sprint("id-", rapid.IntRange(0, 60).Draw(t, "id"))
			if rapid.Bool().Draw(t, "put") {
				m, want[id] = m.With(id, i), i
			} else {
				m = m.Without(id)
				delete(want, id)
			}
			if i%20 == 0 {
				olds, copies = append(olds, m), append(copies, maps.Clone(want))
			}
			got, ok := m.Get(id)
			if v, has := want[id]; has != ok || v != got {
				t.Fatalf("Get(%s) = %d %v, want %d %v", id, got, ok, v, has)
			}
		}
		if m.Len() != len(want) || !maps.Equal(contents(m), want) {
			t.Fatalf("%v, want %v", contents(m), want)
		}
		for i, old := range olds { // what was kept is as it was
			if !maps.Equal(contents(old), copies[i]) {
				t.Fatalf("an old map changed: %v, want %v", contents(old), copies[i])
			}
		}
	})
}

func TestPutIsWithInPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m, want idmap.Map[int]
		for i := range rapid.IntRange(1, 300).Draw(t, "steps") {
			id := fmt.Sprint("id-", rapid.IntRange(0, 100).Draw(t, "id"))
			if want = want.With(id, i); rapid.IntRange(0, 9).Draw(t, "how") > 0 {
				m.Put(id, i)
			} else {
				m = m.With(id, i)
			}
			if rapid.IntRange(0, 9).Draw(t, "out") == 0 {
				m, want = m.Without(id), want.Without(id)
			}
		}
		x, y := fmt.Sprint(inOrder(m)), fmt.Sprint(inOrder(want))
		if x != y || m.Len() != want.Len() {
			t.Fatalf("%s, want %s", x, y)
		}
	})
}

func inOrder(m idmap.Map[int]) (all []string) {
	for id, v := range m.All() {
		all = append(all, fmt.Sprint(id, "=", v))
	}
	return all
}

func TestOrderDependsOnContentAlone(t *testing.T) {
	var a, b idmap.Map[int]
	for i := range 500 {
		a = a.With(fmt.Sprint(i), i)
	}
	for i := 999; i >= 0; i-- {
		b = b.With(fmt.Sprint(i), i)
	}
	for i := 999; i >= 500; i-- {
		b = b.Without(fmt.Sprint(i))
	}
	var x, y []string
	for id := range a.All() {
		x = append(x, id)
	}
	for id := range b.All() {
		y = append(y, id)
	}
	if fmt.Sprint(x) != fmt.Sprint(y) {
		t.Error("two equal maps differ in order")
	}
}

// orders makes ids of orders, one each 50 ms.
func orders(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		at := 0x0192f3a17b2c + 50*i
		ids[i] = fmt.Sprintf("%08x-%04x-7d3e-8f40-%012d", at>>16, at&0xffff, i)
	}
	return ids
}

func BenchmarkPut(b *testing.B) {
	ids := orders(100_000)
	var m idmap.Map[int]
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i%len(ids) == 0 {
			m = idmap.Map[int]{}
		}
		m.Put(ids[i%len(ids)], i)
		i++
	}
}

func BenchmarkWith(b *testing.B) {
	var m idmap.Map[int]
	ids := orders(100_000)
	for i := range ids {
		m = m.With(ids[i], i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m = m.With(ids[i%len(ids)], i)
		i++
	}
}
