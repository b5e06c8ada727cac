package link

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Rewind has a consumer begin again at the first message that nobody is done with. A
// reader that starts does so: what another reader was given and is not done with
// comes first, and everything in the order in which it was stored. api is the prefix of
// JetStream's subjects. What is returned is the number of the last delivery: the next ones
// count on from it, unless another reader is given some.
func Rewind(ctx context.Context, conn *nats.Conn, api, stream, consumer string) (delivery uint64, err error) {
	m, err := conn.RequestWithContext(ctx, api+"CONSUMER.RESET."+stream+"."+consumer, nil)
	if err != nil {
		return 0, err
	}
	var answer struct {
		Delivered struct {
			Consumer uint64 `json:"consumer_seq"`
		} `json:"delivered"`
		Error *struct {
			Code        int    `json:"code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return 0, err
	}
	if answer.Error != nil {
		return 0, fmt.Errorf("%s (%d)", answer.Error.Description, answer.Error.Code)
	}
	return answer.Delivered.Consumer, nil
}

// Done takes all up to a message off a stream, where the reader is done with them. To
// acknowledge them would do the same one by one, with a sync of the box's disk for each.
func Done(ctx context.Context, stream jetstream.Stream, last uint64) error {
	return stream.Purge(ctx, jetstream.WithPurgeSequence(last+1))
}
