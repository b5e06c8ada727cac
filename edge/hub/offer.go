package hub

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/brigata/brigata/edge/link"
)

// offer puts the model that a box should have into the box's bucket: whether the box takes
// it is the box's own to say.
type offer struct {
	link *storeLink
	box  string
	last []byte // manifest of the last one
}

const (
	offerEvery = 3 * time.Second
	chunk      = payloadMax / 2 // of a file: less than a message may be
)

func (o *offer) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := o.put(ctx); err != nil && ctx.Err() == nil {
			o.link.hub.o.Log.Debug("a model cannot be put on a box", "store", o.link.store, "name", o.box, "error", err)
		}
		pause(ctx, offerEvery)
	}
}

func (o *offer) put(ctx context.Context) error {
	manifest, file := o.link.hub.o.Model(o.link.store, o.box, o.last)
	if manifest == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	js, err := jetstream.NewWithDomain(o.link.conn, o.box)
	if err != nil {
		return err
	}
	store, err := js.ObjectStore(ctx, link.Models(o.box))
	if err != nil {
		return err
	}
	text := base64.StdEncoding.EncodeToString(manifest)
	info, err := store.GetInfo(ctx, link.Model)
	switch {
	case err == nil && info.Metadata[link.Manifest] == text: // another node, or this one before
	case err == nil || errors.Is(err, jetstream.ErrObjectNotFound):
		_, err = store.Put(ctx, jetstream.ObjectMeta{Name: link.Model, Metadata: map[string]string{link.Manifest: text},
			Opts: &jetstream.ObjectMetaOptions{ChunkSize: chunk}}, bytes.NewReader(file))
	}
	if err == nil {
		o.last = manifest
	}
	return err
}
