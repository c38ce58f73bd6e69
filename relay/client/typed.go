package client

import (
	"context"
	"encoding/json"
	"fmt"
)

// Codec turns values into bodies of messages, and back. Any pair of functions of this form
// does, such as those of encoding/json; both sides need the same. Unmarshal is given a pointer
// to the value. What fails is an error, which the functions of this package wrap.
type Codec struct {
	Marshal   func(value any) ([]byte, error)
	Unmarshal func(body []byte, value any) error
}

// JSON is the codec of encoding/json.
var JSON = Codec{Marshal: json.Marshal, Unmarshal: json.Unmarshal}

// Call asks one member of a cluster, as [Conn.Request] does, with values in place of bytes. It
// has the errors of Request, and those of the codec: of Marshal before anything is sent, of
// Unmarshal when the member has handled the request.
func Call[Req, Resp any](ctx context.Context, c *Conn, codec Codec, cluster string, request Req) (reply Resp, err error) {
	body, err := codec.Marshal(request)
	if err != nil {
		return reply, fmt.Errorf("request to %q: encode a %T: %w", cluster, request, err)
	}
	answer, err := c.Request(ctx, cluster, body)
	if err != nil {
		return reply, err
	}
	if err := codec.Unmarshal(answer, &reply); err != nil {
		var none Resp
		return none, fmt.Errorf("request to %q: decode the reply as a %T: %w", cluster, none, err)
	}
	return reply, nil
}

// Answer makes what [Service].Request wants of a function of values. A request that cannot be
// decoded is answered with a fault that says so, and the function is not called.
func Answer[Req, Resp any](codec Codec, answer func(ctx context.Context, request Req) (Resp, error)) func(ctx context.Context, body []byte) ([]byte, error) {
	return func(ctx context.Context, body []byte) ([]byte, error) {
		var request Req
		if err := codec.Unmarshal(body, &request); err != nil {
			return nil, fmt.Errorf("decode the request as a %T: %w", request, err)
		}
		reply, err := answer(ctx, request)
		if err != nil {
			return nil, err
		}
		b, err := codec.Marshal(reply)
		if err != nil {
			return nil, fmt.Errorf("encode a %T: %w", reply, err)
		}
		return b, nil
	}
}
