// A server with its port in its source: without libc, on MPTCP where the kernel has it, and with threads that the runtime interrupts
// by signals. It listens a few hundred times, beside goroutines that give the runtime a reason to, and prints the port that it has.
package main

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

func main() {
	var stop atomic.Bool
	for i := 0; i < 4; i++ {
		go func() {
			for n := 0; !stop.Load(); n++ {
			}
		}()
	}
	port := 0
	for i := 0; i < 300; i++ {
		listener, err := net.Listen("tcp", ":3000")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		port = listener.Addr().(*net.TCPAddr).Port
		listener.Close()
	}
	stop.Store(true)
	fmt.Println(port)
}
