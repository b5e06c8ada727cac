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
	got, err := o.rest(ctx, http.MethodPut, "/v1/stores/"+is.ID, bytes.NewReader(doc))
	if err != nil {
		return "", err
	}
	defer got.Body.Close()
	b, err := io.ReadAll(io.LimitReader(got.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("%w: %w", client.ErrUnreachable, err)
	}
	if o.JSON {
		fmt.Println(strings.TrimSpace(string(b)))
	}
	return is.ID, nil
}

// Download writes what a path of the server answers, and returns its size in bytes.
func Download(ctx context.Context, o Options, path string, to io.Writer) (int64, error) {
	o, err := o.located()
	if err != nil {
		return 0, err
	}
	got, err := o.rest(ctx, http.MethodGet, path, nil)
	if err != nil {
		return 0, err
	}
	defer got.Body.Close()
	n, err := io.Copy(to, got.Body)
	if err != nil {
		err = fmt.Errorf("%w: %w", client.ErrUnreachable, err)
	}
	return n, err
}

// rest makes a request; an answer that is not 2xx is an error.
func (o Options) rest(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(o.Server, "/")+path, body)
	if err != nil {
		return nil, Usage{err.Error()}
	}
	r.Header.Set("Authorization", "Bearer "+o.Token)
	r.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", client.ErrUnreachable, err)
	}
	if got.StatusCode/100 == 2 {
		return got, nil
	}
	defer got.Body.Close()
	var problem struct {
		client.Refused
		Detail string `json:"detail"`
	}
	if err := json.NewDecoder(io.LimitReader(got.Body, 1<<20)).Decode(&problem); err != nil || problem.Code == "" {
		return nil, fmt.Errorf("the server says %s", got.Status)
	}
	problem.Message = problem.Detail
	return nil, &problem.Refused
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
