package config

import "posthouse/internal/openssl"

// ciphers accepts a string that leaves something to speak.
func (f *faults) ciphers(path string, s SSLService) {
	if _, err := openssl.Parse(s.Ciphers); err != nil {
		f.add(path, "%v", err)
	}
}
