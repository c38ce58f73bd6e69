package identity

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// A printer must show neither the key nor what is derived from it, wherever it
// finds the key: behind a pointer, as a copy, or in a field that it can not
// ask.
func TestPrintingShowsNoSecret(t *testing.T) {
	ed := generateEd25519()
	for _, signer := range []crypto.Signer{ed, rsa2048(), makeECDSA(t, elliptic.P256())} {
		key := newNetworkKey(signer)
		_, secret := encodeSecret(signer)
		secrets := [][]byte{secret[len(secret)-32:], key.material().root}
		for how, printed := range printings(t, key) {
			if !strings.Contains(how, "hidden") && !strings.Contains(printed, key.Fingerprint()) {
				t.Errorf("%s of %s: %q does not show the fingerprint", how, key.Kind(), printed)
			}
			for _, secret := range secrets {
				assertHides(t, how, printed, secret)
			}
		}
	}
}

func printings(t *testing.T, key *NetworkKey) map[string]string {
	t.Helper()
	type hidden struct {
		pointer *NetworkKey
		value   NetworkKey
	}
	printed := map[string]string{"String": key.String(), "LogValue": slog.AnyValue(key).Resolve().String()}
	if kind := slog.AnyValue(*key).Resolve().Kind(); kind != slog.KindString {
		t.Errorf("a log handler is handed a %v", kind)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed[verb] = fmt.Sprintf(verb, key)
		printed[verb+" of a copy"] = fmt.Sprintf(verb, *key)
		printed[verb+" of a field"] = fmt.Sprintf(verb, struct{ Key *NetworkKey }{key}.Key)
		printed[verb+" of hidden fields"] = fmt.Sprintf(verb, &hidden{key, *key})
	}
	for name, value := range map[string]any{"pointer": key, "copy": *key, "field": struct{ Key any }{key}} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		// JSON escapes the plus signs of base64 as HTML might need it.
		printed["JSON of "+name] = strings.ReplaceAll(string(text), `\u002b`, "+")
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("key", "key", value)
		printed["slog text of "+name] = log.String()
		log.Reset()
		slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "key", value)
		printed["slog JSON of "+name] = strings.ReplaceAll(log.String(), `\u002b`, "+")
	}
	return printed
}

// assertHides looks for secret as bytes, in hex, and as a list of numbers.
func assertHides(t *testing.T, how, printed string, secret []byte) {
	t.Helper()
	part := secret[:min(8, len(secret))]
	numbers := strings.Trim(fmt.Sprint(part), "[]")
	for _, form := range []string{string(part), hex.EncodeToString(part), numbers, strings.ReplaceAll(numbers, " ", ", ")} {
		if strings.Contains(strings.ToLower(printed), strings.ToLower(form)) {
			t.Errorf("%s shows the secret: %q", how, printed)
		}
	}
}
