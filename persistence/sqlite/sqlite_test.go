package sqlite_test

import (
	"errors"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/persistence/contract"
	"github.com/brigata/brigata/persistence/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, path string) *sqlite.Journal {
	t.Helper()
	j, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestContract(t *testing.T) {
	contract.Run(t, func(t *testing.T) contract.Open {
		path := filepath.Join(t.TempDir(), "a file%20?.db")
		return func() journal.Journal { return open(t, path) }
	})
}

func TestOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "brigata.db")
	j := open(t, path)
	if _, err := sqlite.Open(path); !errors.Is(err, sqlite.ErrInUse) {
		t.Fatalf("got %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
}
