import { type BlockList, isIP, SocketAddress } from 'node:net'

const mapped = '::ffff:'

/**
 * The one spelling of an address: without a zone, IPv6 as RFC 5952 writes it, and an IPv4-mapped address (RFC 4291 section 2.5.5.2) as IPv4.
 * Undefined if the text is no address.
 */
const normalizeAddress = (text: string): string | undefined => {
  if (isIP(text) === 4) return text
  const plain = text.replace(/%.*$/, '')
  if (isIP(plain) !== 6) return undefined
  const { address } = new SocketAddress({ address: plain, family: 'ipv6' })
  const dotted = address.startsWith(mapped) ? address.slice(mapped.length) : ''
  return isIP(dotted) === 4 ? dotted : address
}

/** The address of a peer, as its socket has it. */
export const peerAddress = (peer: string): string => (peer.includes(':') ? (normalizeAddress(peer) ?? peer) : peer)

const trusts = (trusted: BlockList, address: string): boolean => trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** The address in an entry of X-Forwarded-For, which may have quotes, brackets and a port; undefined if it has none. */
const entryAddress = (entry: string): string | undefined => {
  const text = entry
    .trim()
    .replace(/^"(.*)"$/, '$1')
    .trim()
  const bare = /^\[(.*)\](?::\d*)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d*$/.exec(text)?.[1] ?? text
  return normalizeAddress(bare)
}

/**
 * The address of the client: the peer's, or where the peer is a trusted proxy, the nearest address of X-Forwarded-For,
 * read from the right, that is not one. What stands further left was written by the client itself.
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

/** The network of so many groups of 16 bits that an IPv6 address is in. */
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

/** Who a rate limit counts: an IPv4 address, or the /64 network of an IPv6 address, because one host has all of it. */
export const clientNetwork = (address: string): string => (address.includes(':') ? networkOf(address, 4) : address)

/** The /48 network of an IPv6 address: what one site is given at the most (RFC 6177), with 65,536 networks in it; undefined for IPv4. */
export const clientSite = (address: string): string | undefined => (address.includes(':') ? networkOf(address, 3) : undefined)
