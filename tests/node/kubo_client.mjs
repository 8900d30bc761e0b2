// The acts of an archive's store by Kubo's own client: `node kubo_client.mjs URL BASE64...`.
//
// Puts the blocks (the last one as DAG-CBOR), reads them, pins the last, lets it go and deletes
// all; prints what it made of the node's answers as one JSON document.

import { create } from 'kubo-rpc-client'

const [url, ...blocks] = process.argv.slice(2)
const client = create({ url })
const bytes = blocks.map(text => Buffer.from(text, 'base64'))
const cids = []
for (const [place, block] of bytes.entries()) {
  const format = place === bytes.length - 1 ? 'dag-cbor' : 'raw'
  cids.push(await client.block.put(block, { format, mhtype: 'sha2-256', version: 1, pin: false }))
}
const read = []
for (const cid of cids) read.push(Buffer.from(await client.block.get(cid)).toString('base64'))
const root = cids.at(-1)
const pinned = await client.pin.add(root, { recursive: true })
const unpinned = await client.pin.rm(root, { recursive: true })
const removed = []
for await (const one of client.block.rm(cids)) removed.push([one.cid.toString(), one.error?.message ?? null])
let absent = null
try {
  await client.block.get(root)
} catch (error) {
  absent = error.message
}
console.log(JSON.stringify({
  version: (await client.version()).version,
  cids: cids.map(String),
  read,
  pinned: pinned.toString(),
  unpinned: unpinned.toString(),
  removed,
  absent
}))
