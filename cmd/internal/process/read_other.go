//go:build !linux

package process

import "errors"

func readUsage(int) (usage, error) { return usage{}, errors.ErrUnsupported }

func readMemory(int) (Memory, error) { return Memory{}, errors.ErrUnsupported }

func readTraffic() (traffic, error) { return traffic{}, errors.ErrUnsupported }
