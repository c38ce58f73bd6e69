package client

import (
	"reflect"
	"testing"
	"time"
)

func TestConfigDefaults(t *testing.T) {
	want := Config{
		Address:      "127.0.0.1:55555",
		Timeout:      30 * time.Second,
		CloseTimeout: 6 * time.Second,
		MaxMessage:   64 << 20,
		SendQueue:    1 << 20,
		ReceiveQueue: 16 << 20,
		Handlers:     256,
		Tunnels:      256,
		TunnelWindow: 4 << 20,
	}
	for _, config := range []Config{{}, {Timeout: -1, MaxMessage: -1, Handlers: -1, TunnelWindow: -1}} {
		got := config.withDefaults()
		if got.Logger == nil {
			t.Error("no logger")
		}
		got.Logger = nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("defaults are %+v, want %+v", got, want)
		}
	}
	if got := (Config{Handlers: 7}).withDefaults(); got.Handlers != 7 {
		t.Errorf("%d handlers, want 7", got.Handlers)
	}
}
