package config

// ciphers accepts a string that leaves something to speak.
func (f *faults) ciphers(path string, s SSLService) {
	if s.Ciphers == "" {
		f.add(path, "a cipher string is needed")
	}
}
