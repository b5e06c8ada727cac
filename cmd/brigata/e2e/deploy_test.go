package e2e

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDeployedFlags: whatever flag or variable the files of deploy/ and the operations guide
// give to brigata, it knows.
func TestDeployedFlags(t *testing.T) {
	var help strings.Builder
	for _, command := range []string{"serve", "edge", "doctor", "verify", "backup", "restore", "token", "edge-token", "export"} {
		out, err := exec.Command(program, command, "--help").Output()
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		help.Write(out)
	}
	known := map[string]bool{}
	for _, name := range regexp.MustCompile(`--[a-z][a-z-]+|BRIGATA_[A-Z_]+`).FindAllString(help.String(), -1) {
		known[name] = true
	}
	for _, name := range []string{"--workdir", "--build", "--clients", "--duration", "--systems", "--rounds", "--isolation", "--storage-driver", "--from-literal", "--from-file", "--now"} {
		known[name] = true // of other programs
	}
	used := regexp.MustCompile(`(?:^|[\s"'\[=` + "`" + `])(--[a-z][a-z-]+)|\b(BRIGATA_[A-Z_]*[A-Z])\b`)
	check := func(file string) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range used.FindAllStringSubmatch(string(b), -1) {
			if name := m[1] + m[2]; !known[name] {
				t.Errorf("%s: brigata knows no %s", file, name)
			}
		}
	}
	check("../../../docs/operations.md")
	err := filepath.WalkDir("../../../deploy", func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(file) != ".json" {
			check(file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
