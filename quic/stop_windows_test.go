package quic_test

import "errors"

func (p *process) stop() error { return errors.ErrUnsupported }
