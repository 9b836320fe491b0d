#!/usr/bin/env python3
"""Plays libvirt, which starts wayferry-host for a machine; and systemd's journal.

usage: helper.py SOCKET PID_FILE JOURNAL PROGRAM [ARGUMENT...]

Takes one connection at SOCKET, as QEMU's end, and starts PROGRAM for it: the connection is --fd, output is
/dev/null, the file PID_FILE stays open, and of the environment nothing but $HOME and options of sanitizers is
left. What comes to the journal is written to the file JOURNAL. Exits as PROGRAM does."""
import os
import socket
import subprocess
import sys
import threading

path, pid_file, journal, *command = sys.argv[1:]


def listen(where):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(where)
    listener.listen()
    return listener


def keep_journal(listener):
    stream, _ = listener.accept()
    with open(journal, "wb", buffering=0) as file:
        while data := stream.recv(4096):
            file.write(data)


os.makedirs("/run/systemd/journal")
keeper = threading.Thread(target=keep_journal, args=[listen("/run/systemd/journal/stdout")])
keeper.start()
left_open = os.open(pid_file, os.O_RDWR | os.O_CREAT, 0o600)
frontend, _ = listen(path).accept()
environment = {name: value for name, value in os.environ.items() if name == "HOME" or name.endswith("SAN_OPTIONS")}
program = subprocess.Popen([*command, f"--fd={frontend.fileno()}"], env=environment, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           pass_fds=[frontend.fileno(), left_open])
frontend.close()
status = program.wait()
keeper.join()
sys.exit(status)
