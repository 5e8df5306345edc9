package certstore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/smallstep/pkcs7"
)

// maxInput is more than any list of authorities in use needs, and little enough to be held.
const maxInput = 8 << 20

// ParsePEMChain reads every certificate in data, in its order: PEM with anything around it, a PKCS#7 bundle as
// authorities send it, or DER, the last two also in bare base64. Private keys in data are passed over.
// No certificate at all is ErrParse, with what was found instead.
func ParsePEMChain(data []byte) ([]*x509.Certificate, error) {
	if len(data) > maxInput {
		return nil, fmt.Errorf("%w: it is larger than %d MB", ErrParse, maxInput>>20)
	}
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return parsePEMCertificates(data)
	}
	if certs, err := parseDERCertificates(data); err == nil {
		return certs, nil
	}
	if der, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(data), nil))); err == nil && len(der) > 0 {
		return parseDERCertificates(der)
	}
	return nil, fmt.Errorf("%w: it holds no certificate in PEM, PKCS#7 or DER format", ErrParse)
}

func parsePEMCertificates(data []byte) ([]*x509.Certificate, error) {
	blocks, err := splitPEM(data)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	var other string
	for i, block := range blocks {
		var found []*x509.Certificate
		switch block.Type {
		case pemCertificate, "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
			found, err = parseDERCertificates(trimTrusted(block))
		case "PKCS7", "CMS":
			found, err = parseDERCertificates(block.Bytes)
		default:
			other = block.Type
		}
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", i+1, err)
		}
		certs = append(certs, found...)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%w: it holds no certificate, but %q", ErrParse, strings.ToLower(other))
	}
	return certs, nil
}

// trimTrusted cuts off what OpenSSL appends to a TRUSTED CERTIFICATE: the trust settings of its owner are not ours.
func trimTrusted(block *pem.Block) []byte {
	if block.Type != "TRUSTED CERTIFICATE" {
		return block.Bytes
	}
	der := block.Bytes
	if n := derLength(der); n > 0 && n < len(der) {
		return der[:n]
	}
	return der
}

// derLength is the length of the first element of der with its head, or 0 where the head is no definite length.
func derLength(der []byte) int {
	if len(der) < 2 {
		return 0
	}
	n := int(der[1])
	if n < 0x80 {
		return 2 + n
	}
	octets := n & 0x7f
	if octets == 0 || octets > 3 || len(der) < 2+octets {
		return 0
	}
	n = 0
	for _, b := range der[2 : 2+octets] {
		n = n<<8 | int(b)
	}
	return 2 + octets + n
}

// splitPEM returns the blocks of data. Lines may be indented, as text pasted from a mail is. A block that cannot be read
// is an error beside the others, because passing over it silently, as encoding/pem does, would lose a certificate.
func splitPEM(data []byte) (blocks []*pem.Block, fault error) {
	lines := bytes.Split(data, []byte("\n"))
	var begins []int // lines
	for i, line := range lines {
		lines[i] = bytes.TrimSpace(line)
		if bytes.HasPrefix(lines[i], []byte("-----BEGIN ")) {
			begins = append(begins, i)
		}
	}
	for n, begin := range begins {
		end := len(lines)
		if n+1 < len(begins) {
			end = begins[n+1]
		}
		block, _ := pem.Decode(append(bytes.Join(lines[begin:end], []byte("\n")), '\n'))
		if block != nil {
			blocks = append(blocks, block)
		} else if fault == nil {
			fault = fmt.Errorf("%w: PEM block %d of %d %s", ErrParse, n+1, len(begins), pemFault(lines[begin:end]))
		}
	}
	return blocks, fault
}

// pemFault says what is wrong with the lines of a block that cannot be decoded.
func pemFault(lines [][]byte) string {
	end := bytes.Replace(lines[0], []byte("BEGIN"), []byte("END"), 1)
	for _, line := range lines {
		if bytes.Equal(line, end) {
			return "is damaged"
		}
	}
	return fmt.Sprintf("is cut off: there is no line %s", end)
}

// parseDERCertificates reads one or more certificates in DER, or a PKCS#7 bundle.
func parseDERCertificates(der []byte) ([]*x509.Certificate, error) {
	certs, err := x509.ParseCertificates(der)
	if err == nil && len(certs) > 0 {
		return certs, nil
	}
	if bundle, bundleErr := pkcs7.Parse(der); bundleErr == nil && len(bundle.Certificates) > 0 {
		return bundle.Certificates, nil
	}
	if err == nil {
		return nil, fmt.Errorf("%w: it is empty", ErrParse)
	}
	return nil, fmt.Errorf("%w: %w", ErrParse, err)
}

// ParseKey reads the one private key in data: PKCS#8, PKCS#1 or SEC1, in PEM with anything around it or in DER.
// An encrypted one is ErrEncrypted, everything else that does not serve is ErrParse with the reason.
func ParseKey(data []byte) (crypto.Signer, error) {
	if len(data) > maxInput {
		return nil, fmt.Errorf("%w: it is larger than %d MB", ErrParse, maxInput>>20)
	}
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		return parseKeyDER(data)
	}
	blocks, err := splitPEM(data)
	if err != nil {
		return nil, err
	}
	var key crypto.Signer
	for _, block := range blocks {
		if !strings.HasSuffix(block.Type, pemKey) {
			continue
		}
		if key != nil {
			return nil, fmt.Errorf("%w: it holds more than one private key", ErrParse)
		}
		if key, err = parseKeyBlock(block); err != nil {
			return nil, err
		}
	}
	if key == nil {
		return nil, fmt.Errorf("%w: it holds no private key", ErrParse)
	}
	return key, nil
}

func parseKeyBlock(block *pem.Block) (crypto.Signer, error) {
	switch {
	case block.Type == "ENCRYPTED "+pemKey, strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return nil, ErrEncrypted
	case block.Type == "OPENSSH "+pemKey:
		return nil, fmt.Errorf("%w: it is a key for SSH", ErrParse)
	}
	return parseKeyDER(block.Bytes)
}

// parseKeyDER tries the three forms. What the parsers say is not passed on: they have seen the key.
func parseKeyDER(der []byte) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return usableKey(key)
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return usableKey(key)
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return usableKey(key)
	}
	return nil, fmt.Errorf("%w: it is no private key in PKCS#8, PKCS#1 or SEC1 form", ErrParse)
}

// usableKey admits the kinds of keys that crypto/tls can serve with.
func usableKey(key any) (crypto.Signer, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < 1024 || bits > 8192 {
			return nil, fmt.Errorf("%w: RSA keys of %d bits are not supported, 1024 to 8192 are", ErrParse, bits)
		}
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, fmt.Errorf("%w: private keys of this kind are not supported; RSA, ECDSA and Ed25519 are", ErrParse)
}

// belongs reports whether the certificate speaks for the key.
func belongs(key crypto.Signer, cert *x509.Certificate) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}
