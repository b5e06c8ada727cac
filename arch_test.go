// Package arch_test holds the code to the import table of ARCHITECTURE.md and the
// rules' packages to their purity. A failure says which rule and why.
package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/brigata/brigata/"

// pure lists the packages that decide and must not do, in the order in which they
// may import one another: each only those before it.
var pure = []string{
	"actors/refusal", "actors/command", "actors/money", "actors/idmap", "actors/menu", "actors/store",
	"actors/bill", "actors/stock", "actors/payment", "actors/printer", "actors/order", "actors/table", "actors/sensor", "actors/workorder",
}

// pureStdlib is all that a pure package may take from outside.
var pureStdlib = []string{
	"errors", "fmt", "time", "slices", "maps", "cmp", "strings", "strconv", "math", "math/bits", "unicode/utf8", "iter",
}

// areas says which of the project's own packages an area may import besides itself.
// The longest matching prefix of a package's folder is its area.
var areas = map[string][]string{
	"actors/wire":    pure,
	"actors":         append([]string{"actors/wire", "actors/journal", "actors/threads", "actors/mutant"}, pure...),
	"actors/threads": {},
	"actors/sim":     append([]string{"actors", "actors/journal", "actors/mutant", "actors/threads", "actors/wire", "persistence/memory", "cluster/cells"}, pure...),
	"actors/mutant":  {},
	"actors/journal": {"actors/threads", "actors/mutant"},
	"actors/story":   append([]string{"actors", "actors/wire", "actors/wire/pb/service", "actors/wire/pb/service/serviceconnect"}, pure...),
	"persistence":    {"actors", "actors/journal"},
	"cluster":        append([]string{"actors", "actors/mutant", "actors/journal", "actors/wire", "actors/wire/pb"}, pure...),
	"gateway":        append([]string{"actors", "actors/wire", "actors/wire/pb/service", "actors/wire/pb/service/serviceconnect"}, pure...),
	"edge":           append([]string{"actors/wire"}, pure...),
	"cmd":            {"*"},
	"web":            {},
}

// owners says who may import a heavy dependency, and why nobody else.
var owners = []struct{ dependency, area, why string }{
	{"github.com/asynkron/protoactor-go", "actors/protoactor.go cluster", "the host knows no engine: one file adapts it, the cluster places it"},
	{"github.com/jackc/pgx", "persistence cmd", "storage is behind the journal's interface"},
	{"modernc.org/sqlite", "persistence cmd", "storage is behind the journal's interface"},
	{"github.com/pressly/goose", "persistence gateway", "migrations stand beside the schema they change"},
	{"github.com/coder/websocket", "gateway cmd", "sockets end in the gateway; the terminal client and the load generator speak to it"},
	{"github.com/golang-jwt/jwt", "gateway/auth", "one package signs and verifies"},
	{"golang.org/x/crypto/argon2", "gateway/auth", "one package hashes passwords"},
	{"connectrpc.com", "gateway actors/wire", "gRPC ends in the gateway; its stubs are generated beside the messages"},
	{"github.com/danielgtaylor/huma", "gateway", "REST is described and read in the gateway"},
	{"google.golang.org/protobuf", "actors/wire cluster", "protobuf stops at the boundary, of the process and of the node"},
	{"google.golang.org/grpc", "cluster", "nodes speak to one another in the cluster only"},
	{"github.com/hashicorp/memberlist", "cluster", "membership has one home"},
	{"github.com/nats-io", "cluster edge", "the bus has one home on each side"},
	{"gonum.org/v1/gonum", "edge", "numerics are for the box's features"},
	{"github.com/yalue/onnxruntime_go", "edge/model/ort", "one package speaks to the runtime, where it is compiled in"},
	{"github.com/eclipse/paho.mqtt.golang", "edge/simulate", "only the simulator is a device"},
	{"go.opentelemetry.io", "cmd/brigata/telemetry", "hooks tell what happens; one package turns them into metrics and traces"},
	{"github.com/prometheus", "cmd/brigata/telemetry", "hooks tell what happens; one package turns them into metrics and traces"},
	{"github.com/stripe/stripe-go", "gateway/payments", "a provider's words stop at its account"},
	{"github.com/wechatpay-apiv3", "gateway/payments", "a provider's words stop at its account"},
	{"github.com/smartwalle", "gateway/payments", "a provider's words stop at its account"},
	{"github.com/sony/gobreaker", "gateway", "what is called outside can be down"},
	{"github.com/alecthomas/kong", "cmd", "flags and environment are read in one place"},
}

// top is all that stands in the project's folder, beside dot files; the last two are what
// make writes.
var top = []string{
	"cmd", "actors", "cluster", "gateway", "persistence", "edge", "web", "deploy", "docs",
	"go.mod", "go.sum", "Makefile", "README.md", "ARCHITECTURE.md", "arch_test.go", "bin", "data",
}

func TestLayout(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(top, e.Name()) {
			t.Errorf("%s has no place at the top: the layout shows the architecture", e.Name())
		}
	}
}

var impureTime = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "LoadLocation"}

func TestArchitecture(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && name != ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		check(t, filepath.ToSlash(name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatal("no files checked")
	}
}

func check(t *testing.T, name string) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, nil, 0)
	if err != nil {
		t.Error(err)
		return
	}
	dir := name[:max(0, strings.LastIndex(name, "/"))]
	rank := slices.Index(pure, dir)
	for _, spec := range f.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		at := fset.Position(spec.Pos())
		own, isOwn := strings.CutPrefix(path, module)
		switch {
		case rank >= 0 && isOwn && (slices.Index(pure, own) < 0 || slices.Index(pure, own) >= rank):
			t.Errorf("%s: pure package may not import %s: only pure packages that come before it (%v)", at, own, pure[:rank])
		case rank >= 0 && !isOwn && !slices.Contains(pureStdlib, path):
			t.Errorf("%s: pure package may not import %s: rules have no clock, no randomness and no I/O", at, path)
		case rank < 0 && isOwn && !mayImport(dir, own):
			t.Errorf("%s: %s may not import %s: see the import table in ARCHITECTURE.md", at, dir, own)
		case !isOwn:
			checkOwner(t, at, name, path)
		}
	}
	if rank >= 0 {
		checkPurity(t, fset, f)
	}
}

func area(dir string) string {
	best := ""
	for a := range areas {
		if (dir == a || strings.HasPrefix(dir, a+"/")) && len(a) > len(best) {
			best = a
		}
	}
	return best
}

func mayImport(dir, own string) bool {
	a := area(dir)
	if a != "" && (own == a || strings.HasPrefix(own, a+"/")) && a != "actors" {
		return true
	}
	return slices.Contains(areas[a], "*") || slices.Contains(areas[a], own)
}

func checkOwner(t *testing.T, at token.Position, name, path string) {
	for _, o := range owners {
		if path != o.dependency && !strings.HasPrefix(path, o.dependency+"/") {
			continue
		}
		ok := slices.ContainsFunc(strings.Fields(o.area), func(a string) bool { return name == a || strings.HasPrefix(name, a+"/") })
		if !ok {
			t.Errorf("%s: only %s may import %s: %s", at, o.area, o.dependency, o.why)
		}
	}
}

func checkPurity(t *testing.T, fset *token.FileSet, f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt:
			t.Errorf("%s: pure package may not use concurrency: its state belongs to a mailbox", fset.Position(n.Pos()))
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(impureTime, n.Sel.Name) {
				t.Errorf("%s: pure package may not call time.%s: time arrives in the command", fset.Position(n.Pos()), n.Sel.Name)
			}
		}
		return true
	})
}
