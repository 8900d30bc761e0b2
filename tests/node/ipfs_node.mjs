// A js-ipfs node that talks to nobody: `node ipfs_node.mjs REPOSITORY` prints its API's URL.
//
// Core and API alone: the whole `ipfs` package is the same code with 380 packages more (gRPC,
// WebRTC, command line) and takes five times as long to install.

if (Promise.withResolvers === undefined) { // Node 20 lacks what a dependency uses
  Promise.withResolvers = () => {
    let resolve, reject
    const promise = new Promise((yes, no) => { resolve = yes; reject = no })
    return { promise, resolve, reject }
  }
}
const { create } = await import('ipfs-core')
const { HttpApi } = await import('ipfs-http-server')

const ipfs = await create({
  repo: process.argv[2],
  offline: true,
  silent: true,
  init: { emptyRepo: true, algorithm: 'Ed25519', profiles: ['test'] },
  config: {
    Addresses: { Swarm: [], API: '/ip4/127.0.0.1/tcp/0', Gateway: [] },
    Bootstrap: [],
    Discovery: { MDNS: { Enabled: false } }
  }
})
const api = new HttpApi(ipfs)
await api.start()
console.log(api._apiServers[0].info.uri)
