<?php
return [
    'host' => 'localhost',
    'name' => 'board',
    'user' => 'board',
    'password' => 'change me',
];
