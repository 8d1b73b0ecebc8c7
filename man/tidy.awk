# What scdoc writes, without paragraphs that hold nothing (mandoc -Tlint complains of each), and without hyphenation: a name that
# is broken in two is not found by who searches for it. What follows a list and is no entry of it stands apart from it.
function is_section(line) { return line ~ /^\.S[HS]/ }
function put(line) {
    print line
    last = line
}
/^\.PP?$/ { held = !is_section(last); next }
{
    if ((held && !is_section($0) && $0 !~ /^\.RE/) || (!held && last == ".RE" && $0 ~ /^[A-Z]/))
        put(".P")
    held = 0
    put($0)
    if (/^\.TH /)
        put(".nh")
}
