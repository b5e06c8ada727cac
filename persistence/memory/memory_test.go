package memory_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/persistence/contract"
	"github.com/brigata/brigata/persistence/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	contract.Run(t, func(*testing.T) contract.Open {
		db := memory.NewDatabase()
		return func() journal.Journal { return db.Open(memory.Options{}) }
	})
}

func TestLeases(t *testing.T) {
	contract.RunLeases(t, func(*testing.T) contract.Enter {
		db := memory.NewDatabase()
		return func(name string, format int) contract.Process {
			return db.Open(memory.Options{Name: name, Format: format})
		}
	})
}

func TestFence(t *testing.T) {
	db := memory.NewDatabase()
	old, fresh := db.Open(memory.Options{}), db.Open(memory.Options{})
	old.Evict()
	b := &journal.Batch{Token: 1, Pos: 1, Rows: []journal.Row{contract.Block(1, 1, 1)}}
	if err := old.Commit(b); !errors.Is(err, journal.ErrFenced) {
		t.Fatalf("got %v", err)
	}
	if err := fresh.Commit(b); err != nil {
		t.Fatal(err)
	}
}
