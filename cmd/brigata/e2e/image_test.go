//go:build operations

package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestImage runs what deploy/Dockerfile has made as it is meant to run: its own command, as
// its user, who has no rights, in a root that holds the binary and nothing else. make
// operations builds the image.
func TestImage(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("only root may enter another root: run make operations as root")
	}
	container := buildah(t, "from", "--pull-never", "localhost/brigata")
	t.Cleanup(func() { buildah(t, "rm", container) })
	root := buildah(t, "mount", container)
	var image struct {
		OCIv1 struct {
			Config struct {
				User, WorkingDir string
				Entrypoint, Cmd  []string
			}
		}
	}
	if err := json.Unmarshal([]byte(buildah(t, "inspect", "--type", "container", container)), &image); err != nil {
		t.Fatal(err)
	}
	c := image.OCIv1.Config
	user, group, _ := strings.Cut(c.User, ":")
	uid, err1 := strconv.ParseUint(user, 10, 32)
	gid, err2 := strconv.ParseUint(group, 10, 32)
	if err1 != nil || err2 != nil || uid == 0 || gid == 0 {
		t.Fatalf("it would run as %q", c.User)
	}
	writable := owned(t, root, uint32(uid))
	if len(writable) != 1 || writable[0] != "data" {
		t.Errorf("its user owns %v", writable)
	}

	address := freePort(t)
	args := append(c.Entrypoint[1:], c.Cmd...)
	for i, a := range args {
		args[i] = strings.Replace(a, "0.0.0.0:8080", address, 1)
	}
	run := &exec.Cmd{Path: c.Entrypoint[0], Args: append(c.Entrypoint[:1], args...), Dir: c.WorkingDir, Env: []string{},
		SysProcAttr: &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}}
	logs := &tail{}
	run.Stdout, run.Stderr = logs, logs
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, cmd: run, url: "http://" + address, data: filepath.Join(root, "data"), logs: logs, exited: make(chan error, 1)}
	go func() { n.exited <- run.Wait() }()
	t.Cleanup(func() { n.kill() })
	within(t, 30*time.Second, "it is ready", n.ready)
	if out, errs, status := n.terminal("order", "--table", "T01", "mapo-tofu"); status != 0 {
		t.Errorf("%s%s\n%s", out, errs, logs.text())
	}
	for _, path := range []string{"/", "/kitchen", "/metrics", "/asyncapi.yaml"} {
		r, err := http.Get(n.url + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
	if err := n.stop(); err != nil {
		t.Errorf("%v\n%s", err, logs.text())
	}
}

// owned are the files below root that a user may change, by owning them.
func owned(t *testing.T, root string, uid uint32) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(file string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Sys().(*syscall.Stat_t).Uid == uid || info.Mode()&os.ModeSymlink == 0 && info.Mode().Perm()&0o002 != 0 {
			name, _ := filepath.Rel(root, file)
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// buildah runs it where make operations has built the image.
func buildah(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("buildah", append([]string{"--storage-driver", "vfs"}, args...)...).Output()
	if err != nil {
		t.Fatalf("buildah %s: %v (make operations builds the image)", args[0], err)
	}
	return strings.TrimSpace(string(out))
}
