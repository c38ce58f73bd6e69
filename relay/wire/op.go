package wire

import "fmt"

// Op is the opcode that starts a frame.
type Op byte

// The opcodes. The package comment says what follows each.
const (
	OpInit        Op = 0x00
	OpDeny        Op = 0x01
	OpClose       Op = 0x02
	OpBroadcast   Op = 0x03
	OpRequest     Op = 0x04
	OpReply       Op = 0x05
	OpSubscribe   Op = 0x06
	OpUnsubscribe Op = 0x07
	OpPublish     Op = 0x08
	OpTunInit     Op = 0x09
	OpTunConfirm  Op = 0x0a
	OpTunAllow    Op = 0x0b
	OpTunTransfer Op = 0x0c
	OpTunClose    Op = 0x0d
)

var opNames = [...]string{
	OpInit:        "INIT",
	OpDeny:        "DENY",
	OpClose:       "CLOSE",
	OpBroadcast:   "BROADCAST",
	OpRequest:     "REQUEST",
	OpReply:       "REPLY",
	OpSubscribe:   "SUBSCRIBE",
	OpUnsubscribe: "UNSUBSCRIBE",
	OpPublish:     "PUBLISH",
	OpTunInit:     "TUN_INIT",
	OpTunConfirm:  "TUN_CONFIRM",
	OpTunAllow:    "TUN_ALLOW",
	OpTunTransfer: "TUN_TRANSFER",
	OpTunClose:    "TUN_CLOSE",
}

// String returns the protocol's name of the opcode, such as TUN_INIT.
func (op Op) String() string {
	if int(op) < len(opNames) {
		return opNames[op]
	}
	return fmt.Sprintf("opcode %#02x", byte(op))
}
