# Sourced: a private apt beside the host's own, so that packages of any Debian suite can be fetched without root
# and without touching what is installed. It uses the host's mirror and the host's trusted keys.
#
#   private_apt_open FOLDER SUITE    makes FOLDER/lists, cache, status and fetches the suite's package lists
#   private_apt ARGUMENTS            runs apt-get on it (APT_ARGUMENTS holds the options)

private_apt_open() {
    local folder=$1 suite=$2 mirror keyring
    for tool in apt-get dpkg dpkg-deb; do
        command -v "$tool" >/dev/null || { echo "fetching from Debian needs $tool, which this system does not have" >&2; return 1; }
    done
    mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -E 'debian/?$' | grep -v security | head -1) || true
    keyring=$(dpkg -L debian-archive-keyring 2>/dev/null | grep 'keyrings/debian-archive-keyring.gpg$') || true
    if [ -z "$mirror" ] || [ -z "$keyring" ]; then
        echo "fetching from Debian needs a Debian mirror in apt's sources and the package debian-archive-keyring;" \
            "on Debian run 'apt-get update' once" >&2
        return 1
    fi
    rm -rf "$folder"
    mkdir -p "$folder"/{lists/partial,cache/archives/partial}
    : > "$folder/status"
    echo "deb [signed-by=$keyring] $mirror $suite main" > "$folder/sources.list"
    APT_ARGUMENTS=(
        -q -o Dir::Etc::sourcelist="$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
        -o Dir::State="$folder" -o Dir::State::lists="$folder/lists" -o Dir::State::status="$folder/status"
        -o Dir::Cache="$folder/cache" -o APT::Install-Recommends=0
        -o APT::Sandbox::User= -o Debug::NoLocking=1 -o Acquire::Retries=2
    )
    private_apt update >/dev/null
}

private_apt() {
    apt-get "${APT_ARGUMENTS[@]}" "$@"
}
