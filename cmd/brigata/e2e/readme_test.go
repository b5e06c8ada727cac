package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// lines returns the blocks of the README's section on the protocol.
func lines(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "\n## The protocol\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var blocks []string
	for i, s := range strings.Split(section, "\n```\n") {
		if i%2 == 1 {
			blocks = append(blocks, s)
		}
	}
	return blocks
}

// withoutGRPCurl calls what grpcurl would, by the same names, where there is none: unary
// calls over HTTP; it passes over the rest.
const withoutGRPCurl = `command -v grpcurl >/dev/null || grpcurl() {
	local data= token=
	while [ $# -gt 2 ]; do
		case $1 in -H) token=$2; shift ;; -d) data=$2; shift ;; esac
		shift
	done
	case $2 in */Get*) curl -sS -H "$token" -H 'content-type: application/json' -d "$data" "http://$1/$2"; echo ;; esac
}
`

// TestReadme runs an integrator's lines as the README has them, but for the port and the
// passwords, and what ends only when somebody ends it.
func TestReadme(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "python3"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	blocks := lines(t)
	if len(blocks) != 3 {
		t.Fatalf("the README's section on the protocol has %d blocks of lines", len(blocks))
	}
	n := startNode(t, t.TempDir())
	bash := func(script string, env ...string) string {
		t.Helper()
		cmd := exec.Command("bash", "-eu", "-o", "pipefail", "-c", script)
		cmd.Env = append(os.Environ(), env...)
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s%s\n%s", err, out, errs.String(), script)
		}
		return string(out)
	}
	here := strings.NewReplacer("localhost:8080", strings.TrimPrefix(n.url, "http://"), "<printed>", n.oneTimePassword(t), "<yours>", "a long one")
	var admin grant
	if err := json.Unmarshal([]byte(bash(here.Replace(blocks[0]))), &admin); err != nil || admin.Token == "" {
		t.Fatalf("log-in: %v %+v", err, admin)
	}
	var ending []string
	for line := range strings.Lines(blocks[2]) {
		if !strings.HasSuffix(strings.TrimSpace(line), "/WatchOrders") {
			ending = append(ending, line)
		}
	}
	out := bash(withoutGRPCurl+here.Replace(blocks[1]+"\necho\n"+strings.Join(ending, "")), "TOKEN="+admin.Token)
	for _, want := range []string{`"kung-pao-chicken"`, `"dup":false`, `"items":[{"v":1,`, `"state":"accepted"`} {
		if !strings.Contains(strings.ReplaceAll(out, `": "`, `":"`), want) {
			t.Errorf("there is no %s in\n%.3000s", want, out[strings.LastIndex(out, "\n{")+1:])
		}
	}
}
