package terminal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/brigata/brigata/cmd/brigata/client"
)

// PutStore loads a store document over REST and returns the store's id.
func PutStore(ctx context.Context, o Options, doc []byte) (string, error) {
	o, err := o.located()
	if err != nil {
		return "", err
	}
	var is struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(doc, &is); err != nil || is.ID == "" {
		return "", Usage{"the document is not a store's: it must be JSON with an id"}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, strings.TrimSuffix(o.Server, "/")+"/v1/stores/"+is.ID, bytes.NewReader(doc))
	if err != nil {
		return "", Usage{err.Error()}
	}
	r.Header.Set("Authorization", "Bearer "+o.Token)
	r.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", fmt.Errorf("%w: %w", client.ErrUnreachable, err)
	}
	defer got.Body.Close()
	b, err := io.ReadAll(io.LimitReader(got.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("%w: %w", client.ErrUnreachable, err)
	}
	if o.JSON {
		fmt.Println(strings.TrimSpace(string(b)))
	}
	if got.StatusCode/100 == 2 {
		return is.ID, nil
	}
	var problem struct {
		client.Refused
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(b, &problem); err != nil || problem.Code == "" {
		return "", fmt.Errorf("the server says %s", got.Status)
	}
	problem.Message = problem.Detail
	return "", &problem.Refused
}

// WriteLocal leaves server and token for the terminal client, for its owner alone.
func WriteLocal(data string, l Local) error {
	b, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(data, ".local-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if _, err := temp.Write(append(b, '\n')); err != nil {
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), filepath.Join(data, "local.json"))
}
