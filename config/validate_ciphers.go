package config

import "posthouse/internal/openssl"

// ciphers accepts a string that leaves something to speak with the service's versions.
func (f *faults) ciphers(path string, s SSLService) {
	_, err := openssl.Parse(s.Ciphers)
	if _, _, wrong := openssl.Versions(s.Methods); err == nil && wrong == nil {
		_, _, _, err = openssl.Compile(s.Methods, s.Ciphers)
	}
	if err != nil {
		f.add(path, "%v", err)
	}
}
