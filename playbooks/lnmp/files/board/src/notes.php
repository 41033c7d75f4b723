<?php
declare(strict_types=1);

namespace Board;

use InvalidArgumentException;
use PDO;

/** What config.php says, or where there is none, the environment. */
function config(): array
{
    $file = __DIR__ . '/../config.php';
    if (is_file($file)) {
        return require $file;
    }
    $config = [];
    foreach (['host', 'name', 'user', 'password'] as $key) {
        $config[$key] = (string) getenv('BOARD_DB_' . strtoupper($key));
    }
    return $config;
}

function database(): PDO
{
    static $database = null;
    if ($database === null) {
        $config = config();
        $database = new PDO(
            "mysql:host={$config['host']};dbname={$config['name']};charset=utf8mb4",
            $config['user'],
            $config['password'],
            [PDO::ATTR_TIMEOUT => 3, PDO::ATTR_EMULATE_PREPARES => false, PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC],
        );
    }
    return $database;
}

function run(string $sql, array $values = []): \PDOStatement
{
    $statement = database()->prepare($sql);
    $statement->execute($values);
    return $statement;
}

function add(string $author, string $text): int
{
    run('INSERT INTO notes (author, text) VALUES (?, ?)', [$author, $text]);
    return (int) database()->lastInsertId();
}

function note(int $id): ?array
{
    return run('SELECT id, author, text, written FROM notes WHERE id = ?', [$id])->fetch() ?: null;
}

function notes(string $order): array
{
    $direction = ['newest' => 'DESC', 'oldest' => 'ASC'][$order] ?? null;
    if ($direction === null) {
        throw new InvalidArgumentException("no such order: $order");
    }
    return run("SELECT id, author, text, written FROM notes ORDER BY id $direction LIMIT 50")->fetchAll();
}

function delete(int $id): bool
{
    return run('DELETE FROM notes WHERE id = ?', [$id])->rowCount() > 0;
}

function count_notes(): int
{
    return (int) run('SELECT COUNT(*) FROM notes')->fetchColumn();
}
