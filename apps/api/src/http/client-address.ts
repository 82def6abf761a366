import { type BlockList, isIP, SocketAddress } from 'node:net'

const mapped = '::ffff:'

/**
 * Normalizes an address: removes the zone, formats IPv6 as RFC 5952 does, and converts an IPv4-mapped IPv6 address (RFC 4291 section
 * 2.5.5.2) to IPv4. Returns undefined if the text is not an address.
 */
const normalizeAddress = (text: string): string | undefined => {
  if (isIP(text) === 4) return text
  const plain = text.replace(/%.*$/, '')
  if (isIP(plain) !== 6) return undefined
  const { address } = new SocketAddress({ address: plain, family: 'ipv6' })
  const dotted = address.startsWith(mapped) ? address.slice(mapped.length) : ''
  return isIP(dotted) === 4 ? dotted : address
}

/** Normalizes the address of a peer as its socket reports it. */
export const peerAddress = (peer: string): string => (peer.includes(':') ? (normalizeAddress(peer) ?? peer) : peer)

const trusts = (trusted: BlockList, address: string): boolean => trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** Returns the address in an entry of X-Forwarded-For, which may have quotes, brackets and a port. Returns undefined if there is none. */
const entryAddress = (entry: string): string | undefined => {
  const text = entry
    .trim()
    .replace(/^"(.*)"$/, '$1')
    .trim()
  const bare = /^\[(.*)\](?::\d*)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d*$/.exec(text)?.[1] ?? text
  return normalizeAddress(bare)
}

/**
 * Returns the address of the client: the address of the peer, or if the peer is a trusted proxy, the rightmost address in X-Forwarded-For
 * that is not a trusted proxy. The client itself can write any entry to the left of that.
 */
export const clientAddress = (peer: string | undefined, forwardedFor: string | undefined, trusted: BlockList): string => {
  let address = peerAddress(peer ?? '')
  if (forwardedFor === undefined) return address
  for (const entry of forwardedFor.split(',').reverse()) {
    if (isIP(address) === 0 || !trusts(trusted, address)) return address
    const next = entryAddress(entry)
    if (next === undefined) return address
    address = next
  }
  return address
}

const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))

/** Returns the network of an IPv6 address whose prefix is the first `count` groups of 16 bits. */
const networkOf = (address: string, count: number): string => {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const plain = dotted ? `${dotted[1]}0:0` : address
  const [head = '', tail] = plain.split('::')
  const left = groups(head)
  const right = groups(tail ?? '')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  const all = [...left, ...Array<string>(zeros).fill('0'), ...right]
  const network = all.slice(0, count).map((group) => Number.parseInt(group, 16).toString(16))
  return `${network.join(':')}::/${count * 16}`
}

/** Returns the client that a rate limit counts: an IPv4 address, or the /64 network of an IPv6 address, because a host has a whole /64. */
export const clientNetwork = (address: string): string => (address.includes(':') ? networkOf(address, 4) : address)

/** Returns the /48 network of an IPv6 address, or undefined for IPv4. A site gets at most a /48 (RFC 6177), which has 65,536 /64s. */
export const clientSite = (address: string): string | undefined => (address.includes(':') ? networkOf(address, 3) : undefined)
