package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

const (
	// maxFile is the largest posthouse.toml that is read, in bytes.
	maxFile = 64 << 20
	// maxNesting is how deep brackets, and the parts of one line's keys, may be; the settings need six. The library
	// calls itself for each, and the memory it takes grows with their square.
	maxNesting = 100
)

// readFile reads a plain file that is not larger than can be meant.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a plain file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return data, nil
}

// checkNesting refuses what no settings look like and what would take the parser all memory. It knows of TOML only
// where brackets and dots do not count, in texts and comments, and leaves every other fault to the parser.
func checkNesting(data []byte) error {
	line, depth, dots := 1, 0, 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '\n':
			line, dots = line+1, 0
		case '#':
			if end := bytes.IndexByte(data[i:], '\n'); end >= 0 {
				i += end - 1
			} else {
				return nil
			}
		case '"', '\'':
			end := endOfText(data, i)
			line += bytes.Count(data[i:end], []byte("\n"))
			i = end - 1
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '.':
			dots++
		}
		if depth > maxNesting || dots > maxNesting {
			return &SyntaxError{Line: line, Text: fmt.Sprintf("nested deeper than %d", maxNesting)}
		}
	}
	return nil
}

// endOfText returns the index behind the text that begins at start with its quote. One that is not closed ends with
// its line, or with the file where it may have several lines.
func endOfText(data []byte, start int) int {
	quote := data[start]
	if triple := []byte{quote, quote, quote}; bytes.HasPrefix(data[start:], triple) {
		for i := start + 3; i < len(data); i++ {
			if data[i] == '\\' && quote == '"' {
				i++
			} else if bytes.HasPrefix(data[i:], triple) {
				// Up to two quotes before the closing three are the text's own.
				for i += 3; i < len(data) && data[i] == quote; i++ {
				}
				return i
			}
		}
		return len(data)
	}
	for i := start + 1; i < len(data); i++ {
		switch {
		case data[i] == '\n':
			return i
		case data[i] == '\\' && quote == '"' && i+1 < len(data) && data[i+1] != '\n':
			i++
		case data[i] == quote:
			return i + 1
		}
	}
	return len(data)
}
